"""A subscription: a place in a channel, from where on its events are received."""

from collections.abc import AsyncGenerator, AsyncIterable
from time import monotonic
from typing import Any, Generic, TypeVar

from msgspec.json import Decoder

from jero.channels.event import GAP, Event, Position
from jero.channels.receiver import Receiver
from jero.channels.store import EventLog
from jero.framing.event import ServerSentEvent
from jero.framing.framing import FramedSource

T = TypeVar("T")


class Subscription(FramedSource, AsyncIterable[ServerSentEvent[T]], Generic[T]):
    """The events of a channel, for any stream, or for an `async for` of your own.

    An event's `id` and `event` are those that it was published with. Where `event` is "gap", `data` is a `Gap` in place
    of a `T`. Each iteration begins where the subscription did; it ends when the store is closed.

    `after`: an id of an earlier life of the store, or of another. `position`: where it begins else; `None`: now.
    """

    def __init__(self, log: EventLog, decoder: Decoder[T], *, after: str | None, position: Position | None) -> None:
        self._log = log
        self._decoder: Decoder[Any] = decoder
        self._after = after
        self._position = position
        self._moment = monotonic()

    async def __aiter__(self) -> AsyncGenerator[ServerSentEvent[T], None]:
        receiver = self.framed()
        try:
            async for batch in receiver:
                for event in batch.events:
                    yield event.sent(self._data_of(event))
        finally:
            await receiver.aclose()

    def framed(self) -> Receiver:
        """The same, framed, for a stream of the engine's."""
        return Receiver(self._log, after=self._after, position=self._position, moment=self._moment)

    def _data_of(self, event: Event) -> Any:
        if event.is_text:
            return event.data.decode()
        return event.gap() if event.type == GAP else self._decoder.decode(event.data)
