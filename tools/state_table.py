"""Draws the states of a stream, from the table in jero/streaming/state.py, into docs/house.md.

Change the table, then run `python -m tools.state_table`. With `--check` the page is not written, and the exit status
is 1 if the page differs from the table.
"""

import sys
from collections.abc import Iterator

from jero.streaming.state import TRANSITIONS, Event, Phase, StreamState, Transition
from tools.update_pages import run, with_parts

COMMAND = "python -m tools.state_table"
TABLE = "jero/streaming/state.py"
# These events stand for no ending: it is given with each of them.
ENDING_IS_GIVEN = {Event.STOPPED}


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
    """Returns the ending that the event decides, or `""` if the ending is given with the event."""
    if event in ENDING_IS_GIVEN:
        return ""
    state = StreamState()
    state.phase = phase
    state.apply(event)
    return f' "{state.ending}"'


def drawing() -> str:
    """Returns the arrows and the table, in Markdown."""
    return "\n".join(["```text", *arrows(), "```", "", *rows(), ""])


def main(arguments: list[str]) -> int:
    """Runs the command. Returns its exit status."""
    return run(arguments, COMMAND, ["docs/house.md"], lambda page: with_parts(page, {TABLE: drawing}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
