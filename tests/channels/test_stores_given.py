"""A channel says what it was given instead of a store."""

import inspect
from typing import Any

import pytest

from jero import WiringError
from jero.channels import Channel, Channels, MemoryStore
from tests.channels.reading import Note


def channel_in(store: Any) -> Any:
    return Channel(store, "n", Note)


def channels_in(store: Any) -> Any:
    return Channels(store, "n", Note)


@pytest.mark.parametrize("make", [channel_in, channels_in])
def test_what_is_not_a_store_is_refused(make: Any) -> None:
    entering = MemoryStore().__aenter__()
    with pytest.raises(WiringError, match=r"the store is not awaited\. Write store = await self\._aenter\(MemorySt"):
        make(entering)
    assert inspect.getcoroutinestate(entering) == inspect.CORO_CLOSED  # so Python does not warn of it, too
    for store, name in ((MemoryStore, "MemoryStore"), ("redis://", "str"), (None, "NoneType")):
        with pytest.raises(WiringError, match=rf"Channels?\('n'\): the store is {name}\. Give a MemoryStore or"):
            make(store)
    with pytest.raises(WiringError, match=r"MemoryStore is not open\."):
        make(MemoryStore())
