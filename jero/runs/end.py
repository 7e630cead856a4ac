"""The end of a run: the last entry of its log, as data, as an event, and as what a stream of its items ends by."""

from collections.abc import Mapping
from typing import ClassVar, Final, Literal, TypeAlias

from msgspec import UNSET, UnsetType
from msgspec.json import Decoder

from jero.channels.event import Event, Payload
from jero.channels.ring import Batch
from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.errors import Problem
from jero.framing.event import Notice
from jero.framing.framing import Framing, NotCompleted
from jero.framing.sse import SSE

END: Final = "end"

Outcome: TypeAlias = Literal["completed", "failed", "stopped", "shutdown", "lost"]
Limit: TypeAlias = Literal["max_items", "max_bytes", "max_duration"]


class RunEnd(Notice, frozen=True, kw_only=True):
    """The data of the event `end`, the last one of each run.

    `outcome`: how the run ended.
    - "completed": the source ended.
    - "failed": the source raised, or the run went over one of its limits.
    - "stopped": it was stopped.
    - "shutdown": the server of its source shut down.
    - "lost": the process of its source died, or did not reach the store for too long.

    `limit`: the limit that a failed run went over.
    `problem`: what a failed run's source raised; an `HTTPError` as its problem, and anything else as an internal server
    error.
    `headers`: those of the `HTTPError`, such as `Retry-After`.
    """

    event_type: ClassVar[str] = END

    outcome: Outcome
    limit: Limit | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET
    headers: Mapping[str, str] | UnsetType = UNSET

    def payload(self) -> Payload:
        """Returns the end as an entry of the log."""
        return Payload(DEFAULT_ENCODER.encode(self), event=END)

    def not_completed(self) -> NotCompleted | None:
        """Returns the error that cuts a stream of the run's items short, or `None` if the run completed."""
        if self.outcome == "completed":
            return None
        reason: Literal["failed", "stopped", "shutdown"] = "failed" if self.outcome == "lost" else self.outcome
        problem = self.problem
        if problem is UNSET:
            status = 410 if self.outcome == "stopped" else 503 if self.outcome in ("shutdown", "lost") else 500
            detail = f"The run ended as {self.outcome}"
            detail += "." if self.limit is UNSET else f", because it went over {self.limit}."
            problem = Problem("run-not-completed", "Run not completed", status, detail)
        return NotCompleted(reason, problem, headers=None if self.headers is UNSET else self.headers)


_ENDS: Final[Decoder[RunEnd]] = json_decoder(RunEnd)


def read_end(data: bytes) -> RunEnd:
    """Returns the end that an entry contains."""
    return _ENDS.decode(data)


class EndBatch(Batch):
    """The end of a run, on its way to followers. It is an event of event streams alone, which need no check of it.

    Any other format has no bytes for it. If the run did not complete, it cannot be written in that format at all: so
    the stream is cut short.
    """

    __slots__ = ()

    def __init__(self, event: Event) -> None:
        super().__init__((event,))

    def _encode(self, framing: Framing) -> bytes:
        if framing.content_type == SSE.content_type:  # an event stream whose items are checked
            return self._bytes
        error = read_end(self.events[0].data).not_completed()
        if error is not None:
            raise error
        return b""
