"""Items that are bytes already: framed once, however many streams they go into."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable

from jero.framing.framing import Framing


class Framed:
    """Items that were framed before, in one piece. `count`: how many they are, one at least.

    It is no abstract class: whether an item is one is asked for each item, and an abstract class takes long to say.
    """

    __slots__ = ("count",)

    def __init__(self, count: int) -> None:
        self.count = count

    def bytes_in(self, framing: Framing) -> bytes:
        """All of them in that format, with its separator between two, and nothing before or after."""
        raise NotImplementedError


class PublishedItems(AsyncIterator[Framed]):
    """Framed items that are published elsewhere, to many.

    `take`: where it is set while the next item is awaited, the item may be given by a call of it instead. It says
    whether that was all; if not, the awaiting ends, with the same item.
    """

    __slots__ = ()

    take: Callable[[Framed], bool] | None


class FramedSource(ABC):
    """A stream that keeps its items framed: an async iterable of items for whoever iterates it; what sends it asks for
    them in pieces.
    """

    @abstractmethod
    def framed(self) -> AsyncIterator[Framed]:
        """The same items, framed."""
