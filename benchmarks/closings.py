"""When the sources of a server's streams were closed."""

from time import monotonic


class Closings:
    """The clock's readings (`time.monotonic`, the same in all processes of a machine), in order."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def note(self) -> None:
        """A source is being closed."""
        self._times.append(monotonic())

    @property
    def times(self) -> list[float]:
        """All of them, since the server's start."""
        return list(self._times)


# One for a server's process: a source has no other way to it through every framework.
closings = Closings()
