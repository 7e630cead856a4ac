"""Compares docs/house.md with the table that it draws, and tests the command that draws it."""

from pathlib import Path

import pytest

from tools.state_table import COMMAND, PAGE, drawing, main, with_present_table

STALE = "# The house\n\n<!-- jero/streaming/state.py -->\nold\n<!-- end of jero/streaming/state.py -->\n\nMore.\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "house.md"
    path.write_text(STALE, "utf-8")
    return path


def test_the_page_equals_the_table() -> None:
    text = PAGE.read_text("utf-8")
    assert with_present_table(text) == text, f"docs/house.md differs from jero/streaming/state.py. Run: {COMMAND}"


def test_the_drawing_shows_arrows_and_cells() -> None:
    lines = drawing().splitlines()
    assert (
        "NEW -- BEGIN --> PULLING -- SOURCE_ENDED --> CLOSING -- TORN_DOWN --> FINISHING -- REPORTED --> OVER" in lines
    )
    assert "NEW -- SOURCE_ENDED --> CLOSING" in lines
    assert "| event | NEW | PULLING | CLOSING | FINISHING | OVER |" in lines
    assert "| `STOPPED` | decide | decide; cancel the source | - | - | - |" in lines
    assert '| `FLUSHED` |  |  | decide "completed" |  |  |' in lines
    (raised,) = (line for line in lines if line.startswith("| `RAISED`"))
    assert raised.count('decide "failed" in any case') == 3


def test_the_command_writes_the_page_once(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], page) == 0
    written = page.read_text("utf-8")
    assert "old" not in written
    assert drawing() in written
    assert written.startswith("# The house\n\n")
    assert written.endswith("\n\nMore.\n")
    assert main([], page) == 0
    assert capsys.readouterr().out == "house.md is written\n"


def test_a_check_writes_nothing_and_fails_if_the_page_differs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], page) == 1
    assert page.read_text("utf-8") == STALE
    assert capsys.readouterr().out == f"house.md differs from jero/streaming/state.py. Run: {COMMAND}\n"
    main([], page)
    assert main(["--check"], page) == 0


@pytest.mark.parametrize("text", ["", STALE * 2])
def test_a_page_has_the_comments_once(text: str) -> None:
    with pytest.raises(LookupError, match="not once"):
        with_present_table(text)
