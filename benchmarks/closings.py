"""Records when the sources of a server's streams are closed."""

from time import monotonic


class Closings:
    """The times of all closings, in order. `time.monotonic` is the same in all processes of a machine."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def note(self) -> None:
        """Records that a source is closed now."""
        self._times.append(monotonic())

    @property
    def times(self) -> list[float]:
        """Returns the times since the server's start."""
        return list(self._times)


# A global: not every framework can hand an object to a source.
closings = Closings()
