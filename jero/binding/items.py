"""The items of an NDJSON body, as they arrive."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, Self

from msgspec.json import Decoder
from typing_extensions import TypeVar

from jero.binding.faults import refused_line
from jero.binding.incoming import Incoming
from jero.binding.lines import BoundedLines
from jero.errors import ContentTooLarge, Fault
from jero.framing.ndjson import NDJSON_NAMES

T = TypeVar("T")

# So many bytes of lines are decoded at once at the most, whatever the server gives in one piece.
WINDOW_BYTES: Final = 65_536
_SPACE: Final = b" \t\r"  # what may stand around JSON, but for the line break itself


class ItemReader(Generic[T]):
    """An async iterator of a body's items, each the JSON of one line; empty lines are passed over.

    Raises `MalformedRequest` for a line that is not JSON and `UnprocessableContent` for one of another shape, both
    with its number: who catches them may go on with the next line. `ContentTooLarge` for a line of more than
    `max_line_bytes`, `ClientDisconnected` where the body breaks off.
    """

    def __init__(self, incoming: Incoming, decoder: Decoder[T], max_line_bytes: int) -> None:
        self._incoming = incoming
        self._decode: Callable[[bytes], T] = decoder.decode
        self._max_line_bytes = max_line_bytes
        self._lines = BoundedLines(max_line_bytes)
        self._windows: Iterator[bytes] = iter(())
        self._decoded: Iterator[T] = iter(())
        self._one_by_one: deque[bytes] = deque()
        self._number = 0
        self._has_ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        for item in self._decoded:
            return item
        return await self._next()

    async def _next(self) -> T:
        while True:
            while self._one_by_one:
                line = self._one_by_one.popleft()
                self._number += 1
                if line.strip(_SPACE):
                    return self._decode_alone(line)
            lines = await self._next_lines()
            try:
                decoded = [self._decode(line) for line in lines if line]
            except (ValueError, RecursionError):  # which of them it is, and what comes before it, is found out above
                self._one_by_one.extend(lines)
                continue
            self._number += len(lines)
            self._decoded = iter(decoded)
            for item in self._decoded:
                return item

    async def _next_lines(self) -> list[bytes]:
        """Some of the next lines, or none yet."""
        if self._lines.is_over:
            number = self._number + 1
            raise ContentTooLarge(
                f"Line {number} is longer than {self._max_line_bytes} bytes.",
                headers={"Connection": "close"},  # for the rest of the body, which is not read
                errors=[Fault(("items", number), f"Longer than {self._max_line_bytes} bytes")],
            )
        for window in self._windows:
            return self._lines.feed(window)
        if self._has_ended:
            raise StopAsyncIteration
        part = await self._incoming.next()
        if part is None:
            self._has_ended = True
            return [self._lines.end()]
        self._windows = (part[start : start + WINDOW_BYTES] for start in range(0, len(part), WINDOW_BYTES))
        return []

    def _decode_alone(self, line: bytes) -> T:
        try:
            return self._decode(line)
        except (ValueError, RecursionError) as error:
            raise refused_line(error, self._number) from error


def is_ndjson(media_type: bytes | None) -> bool:
    """Whether it is one of the names of NDJSON, whatever its parameters."""
    essence = (media_type or b"").partition(b";")[0].strip().lower()
    return essence.decode("latin-1") in NDJSON_NAMES
