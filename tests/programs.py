"""Tests that need a real program on PATH, such as curl."""

import os
import shutil
from collections.abc import Iterable, Mapping

import pytest

REQUIRE_PROGRAMS = "JERO_TESTS_REQUIRE_PROGRAMS"


def needs_program(*names: str) -> pytest.MarkDecorator:
    """Mark a test, a class or a module (`pytestmark`) as one that runs the named programs.

    Where one is missing the test is skipped; where the environment sets `JERO_TESTS_REQUIRE_PROGRAMS`, it fails.
    """
    return pytest.mark.needs_program(*names)


def require(names: Iterable[str], environment: Mapping[str, str] = os.environ) -> None:
    """Skip, or fail, the running test unless every named program is on the environment's PATH."""
    missing = [name for name in names if shutil.which(name, path=environment.get("PATH")) is None]
    if not missing:
        return
    reason = f"not on PATH: {', '.join(missing)}"
    if environment.get(REQUIRE_PROGRAMS):
        pytest.fail(f"{reason}; {REQUIRE_PROGRAMS} is set", pytrace=False)
    pytest.skip(reason)
