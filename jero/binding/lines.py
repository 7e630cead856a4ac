"""A body cut into lines, none longer than it may be."""


class BoundedLines:
    """Cuts at LF. `is_over`: the line after those that were given is longer than `limit` bytes; nothing follows it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self.is_over = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        if b"\n" not in data:  # a long line is joined once, however many parts it comes in
            self._rest += data
            self.is_over = len(self._rest) > self._limit
            return []
        if self._rest:
            self._rest += data
            data = bytes(self._rest)
        lines = data.split(b"\n")
        self._rest = bytearray(lines.pop())
        self.is_over = len(self._rest) > self._limit
        if len(data) > self._limit:
            return self._within_limit(lines)
        return lines

    def end(self) -> bytes:
        """What came after the last LF."""
        return bytes(self._rest)

    def _within_limit(self, lines: list[bytes]) -> list[bytes]:
        for index, line in enumerate(lines):
            if len(line) > self._limit:
                self.is_over = True
                return lines[:index]
        return lines
