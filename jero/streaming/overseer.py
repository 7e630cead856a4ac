"""What the parts of a stream tell the life that they are parts of."""

from contextvars import Context
from typing import Protocol


class Overseer(Protocol):
    """Decides what becomes of the stream. `context`: the stream's, for timers."""

    context: Context

    def lose(self, error: BaseException) -> None:
        """`send` raised: an `OSError` is how a server says that the client has left (ASGI HTTP, version 2.4)."""
        ...

    def stall(self) -> None:
        """The client has taken nothing for as long as one send may take."""
        ...

    def overrun(self) -> None:
        """What was to end has used up its time: nothing is expected of it any more."""
        ...

    def release(self) -> None:
        """What does not end is left to itself."""
        ...
