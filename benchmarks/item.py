"""Defines the item that every subject sends."""

from collections.abc import Iterator
from itertools import cycle, islice

from msgspec import Struct

ITEM_BYTES = 48  # as JSON


class Item(Struct):
    id: int
    name: str
    price: float


# Made beforehand: a workload measures how items are sent, not how they are made.
ITEMS = tuple(
    Item(id=number, name=f"Item {number}", price=round(number % 90 / 10 + 10.01, 2))
    for number in range(100_000, 100_900)
)

# The list that W14 compares with a stream of the same items.
PAGE = ITEMS[:20]


def supply(count: int | None = None) -> Iterator[Item]:
    """Yields `count` items, or items without end if it is `None`."""
    return islice(cycle(ITEMS), count)
