"""A format of your own: MessagePack, with its length before each item."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar, Generic

import msgspec
from msgspec import Struct
from msgspec.json import Encoder
from typing_extensions import TypeVar

from jero import BaseApp, Endpoint, FramedResponse, Framing

T = TypeVar("T")


class Sample(Struct):
    number: int
    volts: float


def append_message(item: Any, buffer: bytearray, encoder: Encoder) -> None:
    """Appends the item's length as 4 bytes, big-endian, then the item."""
    message = msgspec.msgpack.encode(item)
    buffer += len(message).to_bytes(4, "big")
    buffer += message


MESSAGEPACK = Framing(
    content_type="application/vnd.msgpack",
    encode=append_message,
    keepalive=bytes(4),
)


class MessagePackResponse(FramedResponse[T, None], Generic[T], frozen=True, kw_only=True):
    framing: ClassVar[Framing] = MESSAGEPACK


class SamplesEndpoint(Endpoint, path="/samples"):
    async def get(self) -> MessagePackResponse[Sample]:
        return MessagePackResponse(stream=self._samples(), keepalive=15)

    async def _samples(self) -> AsyncIterator[Sample]:
        for number in range(3):
            yield Sample(number, number * 1.5)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(SamplesEndpoint())


app = App()
