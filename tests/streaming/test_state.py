"""Tests the state of a stream cell by cell, against a table that is written here a second time, in words."""

from itertools import product
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.policy import EndReason
from jero.streaming.state import Event, Phase, StreamState

# An event ends in the phase that a cell names, or stays in its phase. A cell that is empty cannot happen.
#
# `decide`: the event's ending counts, unless one was decided. `fail`: the ending is "failed" in any case.
# `gone`: the client is gone. `source`: the source is cancelled if this event decided the ending.
# `send`: the send that is under way is cancelled, unless the client was gone. `-`: nothing changes.
TABLE = """
             | NEW         | PULLING            | CLOSING          | FINISHING | OVER
BEGIN        | PULLING     |                    |                  |           |
SOURCE_ENDED | CLOSING     | CLOSING            |                  |           |
FLUSHED      |             |                    | decide           |           |
TORN_DOWN    |             |                    | FINISHING        |           |
REPORTED     |             |                    |                  | OVER      |
STOPPED      | decide      | decide source      | -                | -         | -
CLIENT_LEFT  | decide gone | decide gone source | decide gone send | gone send | -
STALLED      |             | decide gone source | decide gone send | gone send | -
SEND_FAILED  |             | decide gone source | decide gone send | gone send | -
RAISED       | fail        | fail               | fail             |           |
OUT_OF_TIME  | -           | gone               | gone             | gone      | -
"""

# The ending that each event decides. `STOPPED` is given its own: here "expired".
ENDINGS: dict[Event, EndReason] = {
    Event.FLUSHED: "completed",
    Event.STOPPED: "expired",
    Event.CLIENT_LEFT: "disconnected",
    Event.STALLED: "stalled",
    Event.SEND_FAILED: "failed",
    Event.RAISED: "failed",
}

Applied = Literal["source", "send"] | None


def cells() -> dict[tuple[Event, Phase], list[str]]:
    """Returns the words of each cell of `TABLE`."""
    head, *rows = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip("\n").splitlines())
    phases = [Phase[name] for name in head[1:]]
    return {
        (Event[name], phase): words.split() for name, *row in rows for phase, words in zip(phases, row, strict=True)
    }


CELLS = cells()


def state_of(
    phase: Phase, ending: EndReason | None = None, *, client_is_gone: bool = False, is_draining: bool = False
) -> StreamState:
    state = StreamState()
    state.phase, state.ending = phase, ending
    state.client_is_gone, state.is_draining = client_is_gone, is_draining
    return state


def parts(state: StreamState) -> tuple[Phase, EndReason | None, bool, bool]:
    return state.phase, state.ending, state.client_is_gone, state.is_draining


def apply(state: StreamState, event: Event) -> Applied:
    return state.apply(event, "expired" if event is Event.STOPPED else None)


def expected(words: list[str], before: StreamState, event: Event) -> tuple[StreamState, Applied]:
    """Returns the state after `event`, and what has to be cancelled, by the words of a cell of `TABLE`."""
    phase, ending, was_gone = before.phase, before.ending, before.client_is_gone
    for name in Phase.__members__:
        phase = Phase[name] if name in words else phase
    is_decided_now = ending is None and "decide" in words
    if is_decided_now or "fail" in words:
        ending = ENDINGS[event]
        if ending == "disconnected" and before.is_draining:
            ending = "shutdown"
    after = state_of(phase, ending, client_is_gone=was_gone or "gone" in words, is_draining=before.is_draining)
    if "source" in words and is_decided_now:
        return after, "source"
    return after, "send" if "send" in words and not was_gone else None


def test_the_table_has_a_cell_for_each_event_in_each_phase() -> None:
    assert set(CELLS) == set(product(Event, Phase))
    known = {"decide", "fail", "gone", "source", "send", "-", *Phase.__members__}
    assert {word for words in CELLS.values() for word in words} <= known


@pytest.mark.parametrize("is_draining", [False, True], ids=["serving", "draining"])
@pytest.mark.parametrize("client_is_gone", [False, True], ids=["client-there", "client-gone"])
@pytest.mark.parametrize("ending", [None, "expired", "disconnected", "failed"])
@pytest.mark.parametrize(("event", "phase"), CELLS, ids=lambda member: member.name)
def test_an_event_changes_the_state_as_its_cell_says(
    event: Event, phase: Phase, ending: EndReason | None, *, client_is_gone: bool, is_draining: bool
) -> None:
    words = CELLS[event, phase]
    state = state_of(phase, ending, client_is_gone=client_is_gone, is_draining=is_draining)
    if not words:
        before = parts(state)
        with pytest.raises(RuntimeError, match=f"{event.name} cannot happen to a stream that is {phase.name}"):
            apply(state, event)
        assert parts(state) == before
        return
    after, cancelled = expected(words, state, event)
    assert apply(state, event) == cancelled
    assert parts(state) == parts(after)


def test_a_stream_begins_new_undecided_and_with_its_client() -> None:
    assert parts(StreamState()) == (Phase.NEW, None, False, False)


def test_drain_notes_the_shutdown_and_changes_nothing_else() -> None:
    state = state_of(Phase.PULLING, "expired", client_is_gone=True)
    state.drain()
    assert parts(state) == (Phase.PULLING, "expired", True, True)


@pytest.mark.parametrize("ending", ["expired", "shutdown", "stopped"])
def test_a_stop_decides_the_ending_that_is_given_with_it(ending: EndReason) -> None:
    state = state_of(Phase.PULLING)
    assert state.apply(Event.STOPPED, ending) == "source"
    assert state.ending == ending


def test_an_ending_that_is_given_replaces_that_of_the_event() -> None:
    state = state_of(Phase.PULLING)
    state.apply(Event.STALLED, "shutdown")
    assert state.ending == "shutdown"
    assert state.client_is_gone


@pytest.mark.parametrize(
    ("events", "ending"),
    [
        ([Event.CLIENT_LEFT, "drain"], "disconnected"),
        (["drain", Event.CLIENT_LEFT], "shutdown"),
        (["drain", Event.STALLED], "stalled"),
        (["drain", Event.RAISED], "failed"),
        ([Event.STOPPED, Event.RAISED], "failed"),
        ([Event.RAISED, Event.STOPPED], "failed"),
        ([Event.STOPPED, Event.CLIENT_LEFT, Event.STALLED], "expired"),
    ],
)
def test_the_order_of_events_decides_the_ending(events: list[Event | Literal["drain"]], ending: EndReason) -> None:
    state = state_of(Phase.PULLING)
    for event in events:
        if event == "drain":
            state.drain()
        else:
            apply(state, event)
    assert state.ending == ending


@given(events=st.lists(st.sampled_from([*Event, None]), max_size=30))
def test_in_any_sequence_of_events_the_state_only_moves_forward(events: list[Event | None]) -> None:
    """`None` stands for the shutdown of the server. An event that cannot happen is passed over."""
    state = StreamState()
    cancelled: list[Applied] = []
    for event in events:
        phase, ending, was_gone, was_draining = parts(state)
        if event is None:
            state.drain()
        elif CELLS[event, phase]:
            cancelled.append(apply(state, event))
        assert state.phase >= phase
        assert state.ending == ending or ending is None or (event is Event.RAISED and state.ending == "failed")
        assert state.client_is_gone or not was_gone
        assert state.is_draining or not was_draining
    assert cancelled.count("source") <= 1
    assert cancelled.count("send") <= 1


@given(events=st.lists(st.sampled_from([Event.STOPPED, Event.CLIENT_LEFT, Event.STALLED, Event.SEND_FAILED])))
def test_the_source_is_cancelled_by_the_event_that_decides_the_ending(events: list[Event]) -> None:
    state = StreamState()
    state.apply(Event.BEGIN)
    cancelled = [apply(state, event) for event in events]
    assert cancelled[:1] == ["source"][: len(events)]
    assert "source" not in cancelled[1:]
    assert state.ending == (ENDINGS[events[0]] if events else None)
