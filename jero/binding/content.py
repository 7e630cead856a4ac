"""The body's bytes, as they arrive."""

from typing import Self

from jero.binding.incoming import Incoming


class ContentReader:
    """An async iterator of the body's parts, in the sizes that the server has them.

    Raises `ContentTooLarge` when the body is over its limit, `ClientDisconnected` where it breaks off.
    """

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        part = await self._incoming.next()
        if part is None:
            raise StopAsyncIteration
        return part
