from pathlib import Path

import pytest

from tests.programs import REQUIRE_PROGRAMS, require


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Returns a PATH with a single program, `present`."""
    program = tmp_path / "present"
    program.touch(mode=0o755)
    return str(tmp_path)


def test_a_present_program_lets_the_test_run(path: str) -> None:
    require(["present"], {"PATH": path, REQUIRE_PROGRAMS: "1"})


def test_a_missing_program_skips_the_test(path: str) -> None:
    with pytest.raises(pytest.skip.Exception, match="not on PATH: absent"):
        require(["present", "absent"], {"PATH": path})


def test_a_missing_program_fails_the_test_if_programs_are_required(path: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="not on PATH: absent"):
        require(["present", "absent"], {"PATH": path, REQUIRE_PROGRAMS: "1"})
