"""Tests the items that are published."""

from msgspec.json import encode

from benchmarks.item import Item
from benchmarks.publication import Publication


async def test_items_are_numbered_and_carry_the_time_at_which_they_were_made() -> None:
    published: list[Item] = []

    async def publish(item: Item) -> None:
        published.append(item)

    await Publication(first=0, count=7, publishers=3).publish(publish)
    assert sorted(item.id for item in published) == list(range(7))
    published.clear()
    await Publication(first=7, count=3).publish(publish)
    await Publication(first=10, count=2, pause=0.002).publish(publish)
    assert [item.id for item in published] == [7, 8, 9, 10, 11]
    made_at = [item.price for item in published]
    assert made_at == sorted(made_at)
    assert made_at[4] - made_at[3] >= 0.002
    assert all(35 <= len(encode(item)) <= 60 for item in published)
