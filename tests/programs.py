"""Skips tests that need a program, such as curl, if PATH does not have it."""

import os
import shutil
from collections.abc import Iterable, Mapping

import pytest

REQUIRE_PROGRAMS = "JERO_TESTS_REQUIRE_PROGRAMS"


def needs_program(*names: str) -> pytest.MarkDecorator:
    """Marks a test, a class or a module (`pytestmark`) that runs the named programs.

    If a program is missing, the test is skipped. If the environment sets `JERO_TESTS_REQUIRE_PROGRAMS`, it fails.
    """
    return pytest.mark.needs_program(*names)


def require(names: Iterable[str], environment: Mapping[str, str] = os.environ) -> None:
    """Skips or fails the running test unless every named program is on the environment's PATH."""
    missing = [name for name in names if shutil.which(name, path=environment.get("PATH")) is None]
    if not missing:
        return
    reason = f"not on PATH: {', '.join(missing)}"
    if environment.get(REQUIRE_PROGRAMS):
        pytest.fail(f"{reason}; {REQUIRE_PROGRAMS} is set", pytrace=False)
    pytest.skip(reason)
