"""Reading newline-delimited JSON."""

from collections.abc import Iterator
from typing import Generic

import msgspec
from typing_extensions import TypeVar

from jero.client.lines import LineReader

T = TypeVar("T")


class NDJSONReader(Generic[T]):
    """From bytes as they arrive to typed items; empty lines are pings, and passed over."""

    def __init__(self, type_: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(type_)
        self._lines = LineReader()
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[T]:
        """The items that `chunk` completes; those before a fault are given before it is raised.

        Raises `ValueError`, mostly its kind `msgspec.DecodeError`, with the line's number in a note.
        """
        for line in self._lines.feed(chunk):
            yield from self._read(line)

    def end(self) -> list[T]:
        """The item of a last line that has no end of its own."""
        return self._read(self._lines.end())

    def _read(self, line: bytes) -> list[T]:
        self._number += 1
        if not line.strip():
            return []
        try:
            return [self._decoder.decode(line)]
        except (ValueError, RecursionError) as error:
            error.add_note(f"in line {self._number}: {line[:200]!r}")
            raise
