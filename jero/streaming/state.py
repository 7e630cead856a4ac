"""The state of a stream, as a table.

A stream has one phase, which only moves forward; one ending, which is decided once; and one client, who only leaves:

      begin          the source ended, failed or obeyed        torn down             reported
  NEW -------> PULLING -----------------------------> CLOSING ----------> FINISHING ----------> OVER
    '--- stopped before it began: the source is closed unstarted ---^

Everything that changes this state lives in this file, and nothing else does. `Stream` reports what happened as an
`Event`; the table says what follows; `Stream` carries that out. Three rules are not visible in a single cell:

- A failure of the source or of its teardown replaces an ending that was decided earlier, unless that was a failure too.
  A client that left while the teardown failed is reported as "failed": the operator must see the error.
- "disconnected" becomes "shutdown" while the server drains: it is then the server that closes connections.
- The source is cancelled once, by the event that decides the ending. Later events only add that the client is gone.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Literal

from msgspec import Struct

from jero.policy import EndReason


class Phase(IntEnum):
    """The phases of a stream, in their order."""

    NEW = 0  # the source is not opened yet
    PULLING = 1  # the source is opened and pulled
    CLOSING = 2  # the rest is sent, and the source is torn down
    FINISHING = 3  # the end of the body is sent, and the outcome is reported
    OVER = 4


class Event(IntEnum):
    """The events that can happen to a stream."""

    BEGIN = 0  # its task takes the first step
    SOURCE_ENDED = 1  # by itself, by a failure, or because it was cancelled
    FLUSHED = 2  # every item was sent
    TORN_DOWN = 3  # the source is closed
    REPORTED = 4  # the outcome was passed to `on_end`
    STOPPED = 5  # from outside: "expired", "shutdown" or "stopped"
    CLIENT_LEFT = 6
    STALLED = 7  # one send took longer than `send_timeout`
    SEND_FAILED = 8  # `send` raised something else than OSError
    RAISED = 9  # the source or its teardown failed
    OUT_OF_TIME = 10  # the limit of the teardown is exhausted


# Each stream uses these five, and Python 3.11 is slow to look up a member of an enumeration.
BEGIN, SOURCE_ENDED, FLUSHED, TORN_DOWN, REPORTED = (
    Event.BEGIN,
    Event.SOURCE_ENDED,
    Event.FLUSHED,
    Event.TORN_DOWN,
    Event.REPORTED,
)


class Transition(Struct, frozen=True, kw_only=True):
    """The consequences of one event in one phase.

    `phase`: the next phase, or `None` to stay. `decides`: the event's ending counts, if none was decided.
    `overrides`: it counts even if another one was decided. `client_is_gone`: nothing more is sent from now on.
    `cancels`: what the stream's task waits for is cancelled: "source", if this event decided the ending;
    "send", if one is under way.
    """

    phase: Phase | None = None
    decides: bool = False
    overrides: bool = False
    client_is_gone: bool = False
    cancels: Literal["source", "send"] | None = None


_STAY: Final = Transition()
_DECIDE: Final = Transition(decides=True)
_GO: Final = Transition(client_is_gone=True)
_DECIDE_AND_GO: Final = Transition(decides=True, client_is_gone=True)
_STOP: Final = Transition(decides=True, cancels="source")
_STOP_AND_GO: Final = Transition(decides=True, client_is_gone=True, cancels="source")
_BREAK_OFF: Final = Transition(client_is_gone=True, cancels="send")
_DECIDE_AND_BREAK_OFF: Final = Transition(decides=True, client_is_gone=True, cancels="send")
_FAIL: Final = Transition(decides=True, overrides=True)
_BROKEN_SEND: Final = {
    Phase.PULLING: _STOP_AND_GO,
    Phase.CLOSING: _DECIDE_AND_BREAK_OFF,
    Phase.FINISHING: _BREAK_OFF,
    Phase.OVER: _STAY,
}

# One row an event, one cell a phase. A cell that is missing cannot happen.
TRANSITIONS: Final[Mapping[Event, Mapping[Phase, Transition]]] = {
    Event.BEGIN: {Phase.NEW: Transition(phase=Phase.PULLING)},
    Event.SOURCE_ENDED: {
        Phase.NEW: Transition(phase=Phase.CLOSING),
        Phase.PULLING: Transition(phase=Phase.CLOSING),
    },
    Event.FLUSHED: {Phase.CLOSING: _DECIDE},
    Event.TORN_DOWN: {Phase.CLOSING: Transition(phase=Phase.FINISHING)},
    Event.REPORTED: {Phase.FINISHING: Transition(phase=Phase.OVER)},
    Event.STOPPED: {
        Phase.NEW: _DECIDE,
        Phase.PULLING: _STOP,
        Phase.CLOSING: _STAY,  # the source has ended by itself: what is left is sent
        Phase.FINISHING: _STAY,
        Phase.OVER: _STAY,
    },
    Event.CLIENT_LEFT: {
        Phase.NEW: _DECIDE_AND_GO,
        Phase.PULLING: _STOP_AND_GO,
        Phase.CLOSING: _DECIDE_AND_BREAK_OFF,
        Phase.FINISHING: _BREAK_OFF,
        Phase.OVER: _STAY,
    },
    Event.STALLED: _BROKEN_SEND,
    Event.SEND_FAILED: _BROKEN_SEND,
    Event.RAISED: {
        Phase.NEW: _FAIL,
        Phase.PULLING: _FAIL,
        Phase.CLOSING: _FAIL,
    },
    Event.OUT_OF_TIME: {
        Phase.NEW: _STAY,  # the hook `on_start` is given up, and not the client
        Phase.PULLING: _GO,
        Phase.CLOSING: _GO,
        Phase.FINISHING: _GO,
        Phase.OVER: _STAY,
    },
}

# The ending that an event stands for, unless another one is given with it, as with every `STOPPED`.
_ENDINGS: Final[Mapping[Event, EndReason]] = {
    Event.FLUSHED: "completed",
    Event.CLIENT_LEFT: "disconnected",
    Event.STALLED: "stalled",
    Event.SEND_FAILED: "failed",
    Event.RAISED: "failed",
}


class StreamState:
    """The state of one stream. Only `apply` and `drain` change it.

    `ending`: why the stream ended or has to end, `None` while that is open. `client_is_gone`: nothing more is sent.
    `is_draining`: the server is shutting down.
    """

    __slots__ = ("client_is_gone", "ending", "is_draining", "phase")

    def __init__(self) -> None:
        self.phase = Phase.NEW
        self.ending: EndReason | None = None
        self.client_is_gone = False
        self.is_draining = False

    def drain(self) -> None:
        """Notes that the server shuts down: from now on a client that leaves was closed by the server."""
        self.is_draining = True

    def apply(self, event: Event, ending: EndReason | None = None) -> Literal["source", "send"] | None:
        """Moves on as the table says. Returns what has to be cancelled, if anything.

        `ending` replaces the one that the event stands for; `STOPPED` stands for none. Raises `RuntimeError` for an
        event that cannot happen in this phase.
        """
        transition = TRANSITIONS[event].get(self.phase)
        if transition is None:
            raise RuntimeError(f"{event.name} cannot happen to a stream that is {self.phase.name}")
        is_undecided = self.ending is None
        if transition.decides and (is_undecided or transition.overrides):
            ending = ending or _ENDINGS[event]
            self.ending = "shutdown" if ending == "disconnected" and self.is_draining else ending
        was_there = not self.client_is_gone
        if transition.client_is_gone:
            self.client_is_gone = True
        if transition.phase is not None:
            self.phase = transition.phase
        if transition.cancels == "source":
            return "source" if is_undecided else None
        return transition.cancels if was_there else None
