"""The items and the end of one run, from one place on, as the stream of a response."""

from typing import Any, TypeVar

from msgspec.json import Decoder

from jero.channels.event import Event
from jero.channels.log import EventLog
from jero.channels.subscribers import ChannelSubscription, Place, Subscriber
from jero.runs.end import END, read_end
from jero.runs.register import RunRegister

T = TypeVar("T")


class RunStream(ChannelSubscription[T]):
    """The items of a run, and then its end, as the stream of any response, or for an `async for` of your own.

    In an event stream each item has an id, by which a client continues after it, and the last event is `end`, whose
    data is a `RunEnd`. After that event, an event stream is answered with 204, so that a browser does not reconnect. In
    any other format the end is not an item: the body is complete if the run completed, and is cut short if not. If
    nothing was sent by then, the failure is answered with its true status.

    An `async for` yields each item as a `ServerSentEvent`, and then the event `end`.
    """

    def __init__(
        self, register: RunRegister, log: EventLog, number: int, decoder: Decoder[T], *, is_over: bool
    ) -> None:
        super().__init__(Place(register.kind, log, offset=(0, number)), decoder)
        self._register = register
        self._number = number
        self._is_over = is_over

    def framed(self) -> Subscriber:
        """Returns a subscriber that begins at the place of the stream."""
        log = self._place.log
        if log.is_gone:
            log = self._register.reopened(log, self._number)
        return Subscriber(Place(self._register.kind, log, offset=(0, self._number)))

    def has_ended(self) -> bool:
        """Returns whether the client has had the end of the run already."""
        return self._is_over

    def _data_of(self, event: Event) -> Any:
        return read_end(event.data) if event.type == END else super()._data_of(event)
