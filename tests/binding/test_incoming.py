"""A body's reader and the watcher of its client, at the seam of one `receive`."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from jero.binding.incoming import READ_AHEAD_BYTES, ContentReader, Incoming, check_announced
from jero.errors import ClientDisconnected, ContentTooLarge
from jero.http.asgi import HeaderPairs, Message
from tests.application import http_scope

T = TypeVar("T")

END: Message = {"type": "http.request", "body": b"", "more_body": False}
LEAVING: Message = {"type": "http.disconnect"}


def part(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": True}


class Peer:
    """The server's side: `say` gives `receive` a message. No two may be in it at once."""

    def __init__(self, *messages: Message) -> None:
        self._messages = deque(messages)
        self._news = asyncio.Event()
        self.inside = 0
        self.calls = 0
        self.taken = 0

    def say(self, *messages: Message) -> None:
        self._messages.extend(messages)
        self._news.set()

    async def receive(self) -> Message:
        self.calls += 1
        self.inside += 1
        assert self.inside == 1, "two wait for one message"
        try:
            while not self._messages:
                self._news.clear()
                await self._news.wait()
            self.taken += 1
            return self._messages.popleft()
        finally:
            self.inside -= 1


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(100):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")


async def settled(awaitable: Awaitable[T]) -> asyncio.Task[T]:
    """A task that has gone as far as it can."""
    task = asyncio.ensure_future(awaitable)
    for _ in range(20):
        await asyncio.sleep(0)
    assert isinstance(task, asyncio.Task)
    return task


async def test_a_body_is_read_part_by_part_with_nobody_watching() -> None:
    peer = Peer(part(b"a"), part(b""), part(b"b"), END)
    incoming = Incoming(peer.receive, None)
    assert [one async for one in ContentReader(incoming)] == [b"a", b"b"]
    assert await incoming.next() is None
    assert peer.calls == 4


async def test_nothing_is_read_that_nobody_asked_for() -> None:
    peer = Peer(part(b"a"), part(b"b"))
    incoming = Incoming(peer.receive, None)
    assert await incoming.next() == b"a"
    assert peer.calls == 1


async def test_reader_and_watcher_share_one_receive() -> None:
    peer = Peer()
    incoming = Incoming(peer.receive, None)
    watching = await settled(incoming.watch())
    reading = await settled(incoming.next())
    peer.say(part(b"a"))
    assert await reading == b"a"
    reading = await settled(incoming.next())
    peer.say(part(b"b"), END)
    assert await reading == b"b"
    assert await incoming.next() is None
    peer.say(LEAVING)
    assert await watching == LEAVING


async def test_what_a_watcher_meets_of_the_body_is_kept_for_its_reader() -> None:
    peer = Peer(part(b"a"), part(b"b"), END)
    incoming = Incoming(peer.receive, None)
    watching = await settled(incoming.watch())
    assert await incoming.next() == b"ab"
    assert await incoming.next() is None
    peer.say(LEAVING)
    assert await watching == LEAVING


async def test_a_small_body_that_nobody_reads_hides_no_leaving() -> None:
    peer = Peer(part(b"a" * 100), END, LEAVING)
    assert await (await settled(Incoming(peer.receive, None).watch())) == LEAVING


async def test_no_more_is_read_ahead_than_a_chunk() -> None:
    chunk = b"a" * (READ_AHEAD_BYTES // 2)
    peer = Peer(*[part(chunk)] * 10, END)
    incoming = Incoming(peer.receive, None)
    watching = await settled(incoming.watch())
    assert peer.taken == 2
    assert await incoming.next() == chunk * 2
    await until(lambda: peer.taken == 4)
    size = 2 * len(chunk)
    async for one in ContentReader(incoming):
        assert len(one) <= 2 * len(chunk)
        size += len(one)
    assert size == 10 * len(chunk)
    assert not watching.done()
    watching.cancel()


async def test_a_client_that_leaves_in_the_middle_is_told_to_both() -> None:
    peer = Peer(part(b"a"))
    incoming = Incoming(peer.receive, None)
    watching = await settled(incoming.watch())
    assert await incoming.next() == b"a"
    reading = await settled(incoming.next())
    peer.say(LEAVING)
    with pytest.raises(ClientDisconnected):
        await reading
    assert await watching == LEAVING
    with pytest.raises(ClientDisconnected):
        await incoming.next()


async def test_what_came_before_the_client_left_is_read_first() -> None:
    peer = Peer(part(b"a"), LEAVING)
    incoming = Incoming(peer.receive, None)
    await incoming.watch()
    assert await incoming.next() == b"a"
    with pytest.raises(ClientDisconnected):
        await incoming.next()


async def test_a_watcher_that_is_called_back_leaves_the_rest_to_the_reader() -> None:
    peer = Peer()
    incoming = Incoming(peer.receive, None)
    watching = await settled(incoming.watch())
    reading = await settled(incoming.next())
    watching.cancel()
    await asyncio.wait((watching,))
    peer.say(part(b"a"), END)
    assert await reading == b"a"
    assert await incoming.next() is None


async def test_a_reader_that_began_before_the_watcher_is_waited_for() -> None:
    peer = Peer()
    incoming = Incoming(peer.receive, None)
    reading = await settled(incoming.next())
    watching = await settled(incoming.watch())
    peer.say(part(b"a"))
    assert await reading == b"a"
    peer.say(END, LEAVING)
    assert await watching == LEAVING


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    peer = Peer()
    incoming = Incoming(peer.receive, None)
    watching = await settled(incoming.watch())
    reading = await settled(incoming.next())
    reading.cancel()
    await asyncio.wait((reading,))
    peer.say(part(b"a"), END)
    assert await incoming.next() == b"a"
    watching.cancel()
    await asyncio.wait((watching,))


@pytest.mark.parametrize("is_watched", [False, True])
async def test_a_body_over_its_limit_is_refused_and_not_read_on(*, is_watched: bool) -> None:
    peer = Peer(part(b"aa"), part(b"aa"), part(b"aa"))
    incoming = Incoming(peer.receive, 3)
    watching = await settled(incoming.watch()) if is_watched else None
    with pytest.raises(ContentTooLarge, match="larger than 3 bytes") as refused:
        [one async for one in ContentReader(incoming)]
    assert refused.value.headers == {"Connection": "close"}
    if watching is None:
        assert peer.taken == 2
    else:
        assert peer.taken >= 2
        watching.cancel()


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    incoming = Incoming(Peer(part(b"aaa"), END).receive, 3)
    assert [one async for one in ContentReader(incoming)] == [b"aaa"]


@pytest.mark.parametrize("length", [b"4", b"9" * 5_000])
def test_a_body_that_is_announced_as_too_large(length: bytes) -> None:
    headers: HeaderPairs = [(b"content-length", length)]
    with pytest.raises(ContentTooLarge):
        check_announced(http_scope("POST", headers=headers), 3)


async def test_a_receive_that_fails_fails_for_who_asked() -> None:
    async def receive() -> Message:
        raise RuntimeError("the server is at fault")

    incoming = Incoming(receive, None)
    with pytest.raises(RuntimeError):
        await incoming.next()
    with pytest.raises(RuntimeError):
        await incoming.watch()
