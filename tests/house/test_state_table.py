"""Compares docs/house.md with the table that it draws, and tests the drawing."""

from tools.state_table import drawing, main


def test_the_page_equals_the_table() -> None:
    assert main(["--check"]) == 0


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
