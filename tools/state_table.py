"""Draws the states of a stream, from the table in jero/streaming/state.py, into docs/house.md.

The drawing stands between two comments, which a reader of the page does not see:
`<!-- jero/streaming/state.py -->` and `<!-- end of jero/streaming/state.py -->`.

Change the table, then run `python -m tools.state_table`. With `--check` the page is not written, and the exit status
is 1 if the page differs from the table.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from jero.streaming.state import TRANSITIONS, Event, Phase, StreamState, Transition

PAGE = Path(__file__).resolve().parents[1] / "docs" / "house.md"
COMMAND = "python -m tools.state_table"
# These events stand for no ending: it is given with each of them.
ENDING_IS_GIVEN = {Event.STOPPED}
DRAWING = re.compile(
    r"^(?P<begin><!-- (?P<path>jero/streaming/state\.py) -->\n).*?^(?P<end><!-- end of (?P=path) -->)$",
    re.MULTILINE | re.DOTALL,
)


def arrows() -> Iterator[str]:
    """Yields the ways through the phases: first the longest one, then each event that leaves it out."""
    steps = {
        (phase, transition.phase): event.name
        for event, row in TRANSITIONS.items()
        for phase, transition in row.items()
        if transition.phase is not None
    }
    while steps:
        here = min(start for start, _ in steps)
        line = here.name
        while ways := [step for step in steps if step[0] is here]:
            way = min(ways)
            here = way[1]
            line += f" -- {steps.pop(way)} --> {here.name}"
        yield line


def rows() -> Iterator[str]:
    """Yields the lines of the table: a row for each event, a column for each phase."""
    yield f"| event | {' | '.join(Phase.__members__)} |"
    yield "| --- " * (len(Phase) + 1) + "|"
    for event, row in TRANSITIONS.items():
        cells = (words(event, phase, row[phase]) if phase in row else "" for phase in Phase)
        yield f"| `{event.name}` | {' | '.join(cells)} |"


def words(event: Event, phase: Phase, transition: Transition) -> str:
    """Returns what follows from the event, in words."""
    parts: list[str] = []
    if transition.decides:
        parts.append(f"decide{ending_of(event, phase)}" + (" in any case" if transition.overrides else ""))
    if transition.client_is_gone:
        parts.append("client gone")
    if transition.cancels is not None:
        parts.append(f"cancel the {transition.cancels}")
    if transition.phase is not None:
        parts.append(f"to {transition.phase.name}")
    return "; ".join(parts) or "-"


def ending_of(event: Event, phase: Phase) -> str:
    """Returns the ending that the event decides, unless it is given with the event."""
    if event in ENDING_IS_GIVEN:
        return ""
    state = StreamState()
    state.phase = phase
    state.apply(event)
    return f' "{state.ending}"'


def drawing() -> str:
    """Returns the arrows and the table, in Markdown."""
    # The blank line ends the comment: without it the first line would be part of the comment's block.
    return "\n".join(["", "```text", *arrows(), "```", "", *rows(), ""])


def with_present_table(page: str) -> str:
    """Returns the text of `page` with the drawing of the table as it is now.

    Raises `LookupError` unless the page has the two comments once.
    """
    present, count = DRAWING.subn(lambda shown: f"{shown['begin']}{drawing()}\n{shown['end']}", page)
    if count != 1:
        raise LookupError(f"The comments around the drawing are there {count} times, not once: see {COMMAND} --help.")
    return present


def main(arguments: list[str], page: Path = PAGE) -> int:
    """Runs the command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if the page would change")
    is_check: bool = parser.parse_args(arguments).check
    text = page.read_text("utf-8")
    present = with_present_table(text)
    if present == text:
        return 0
    if is_check:
        print(f"{page.name} differs from jero/streaming/state.py. Run: {COMMAND}")
        return 1
    page.write_text(present, "utf-8")
    print(f"{page.name} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
