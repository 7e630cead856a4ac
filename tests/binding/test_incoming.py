"""The reader of a body and the watcher of its client, which share one `receive`."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from jero.binding.body import content_type
from jero.binding.incoming import READ_AHEAD_BYTES, ContentReader, RequestBody
from jero.errors import ClientDisconnected, ContentTooLarge
from jero.http.asgi import HeaderPairs, Message
from tests.application import http_scope

T = TypeVar("T")

END: Message = {"type": "http.request", "body": b"", "more_body": False}
LEAVING: Message = {"type": "http.disconnect"}


def part(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": True}


class Peer:
    """The server's side. `send` queues messages for `receive`, which two tasks must not call at the same time."""

    def __init__(self, *messages: Message) -> None:
        self._messages = deque(messages)
        self._news = asyncio.Event()
        self.inside = 0
        self.calls = 0
        self.taken = 0

    def send(self, *messages: Message) -> None:
        self._messages.extend(messages)
        self._news.set()

    async def receive(self) -> Message:
        self.calls += 1
        self.inside += 1
        assert self.inside == 1, "two tasks call receive at the same time"
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
    raise AssertionError("the condition was never met")


async def settled(awaitable: Awaitable[T]) -> asyncio.Task[T]:
    """Starts a task, and returns it when it waits or has ended."""
    task = asyncio.ensure_future(awaitable)
    for _ in range(20):
        await asyncio.sleep(0)
    assert isinstance(task, asyncio.Task)
    return task


async def test_a_body_without_a_watcher_is_read_part_by_part() -> None:
    peer = Peer(part(b"a"), part(b""), part(b"b"), END)
    body = RequestBody(peer.receive, None)
    assert [piece async for piece in ContentReader(body)] == [b"a", b"b"]
    assert await body.read() is None
    assert peer.calls == 4


async def test_a_body_without_a_watcher_is_not_read_ahead() -> None:
    peer = Peer(part(b"a"), part(b"b"))
    body = RequestBody(peer.receive, None)
    assert await body.read() == b"a"
    assert peer.calls == 1


async def test_reader_and_watcher_share_one_receive() -> None:
    peer = Peer()
    body = RequestBody(peer.receive, None)
    watching = await settled(body.watch())
    reading = await settled(body.read())
    peer.send(part(b"a"))
    assert await reading == b"a"
    reading = await settled(body.read())
    peer.send(part(b"b"), END)
    assert await reading == b"b"
    assert await body.read() is None
    peer.send(LEAVING)
    assert await watching == LEAVING


async def test_the_watcher_keeps_the_body_for_its_reader() -> None:
    peer = Peer(part(b"a"), part(b"b"), END)
    body = RequestBody(peer.receive, None)
    watching = await settled(body.watch())
    assert await body.read() == b"ab"
    assert await body.read() is None
    peer.send(LEAVING)
    assert await watching == LEAVING


async def test_the_watcher_sees_the_client_leave_behind_a_small_unread_body() -> None:
    peer = Peer(part(b"a" * 100), END, LEAVING)
    assert await (await settled(RequestBody(peer.receive, None).watch())) == LEAVING


async def test_the_watcher_reads_no_further_ahead_than_a_chunk() -> None:
    chunk = b"a" * (READ_AHEAD_BYTES // 2)
    peer = Peer(*[part(chunk)] * 10, END)
    body = RequestBody(peer.receive, None)
    watching = await settled(body.watch())
    assert peer.taken == 2
    assert await body.read() == chunk * 2
    await until(lambda: peer.taken == 4)
    size = 2 * len(chunk)
    async for piece in ContentReader(body):
        assert len(piece) <= 2 * len(chunk)
        size += len(piece)
    assert size == 10 * len(chunk)
    assert not watching.done()
    watching.cancel()


async def test_reader_and_watcher_both_learn_that_the_client_left() -> None:
    peer = Peer(part(b"a"))
    body = RequestBody(peer.receive, None)
    watching = await settled(body.watch())
    assert await body.read() == b"a"
    reading = await settled(body.read())
    peer.send(LEAVING)
    with pytest.raises(ClientDisconnected):
        await reading
    assert await watching == LEAVING
    with pytest.raises(ClientDisconnected):
        await body.read()


async def test_the_parts_before_the_client_left_are_read_first() -> None:
    peer = Peer(part(b"a"), LEAVING)
    body = RequestBody(peer.receive, None)
    await body.watch()
    assert await body.read() == b"a"
    with pytest.raises(ClientDisconnected):
        await body.read()


async def test_a_cancelled_watcher_leaves_the_rest_to_the_reader() -> None:
    peer = Peer()
    body = RequestBody(peer.receive, None)
    watching = await settled(body.watch())
    reading = await settled(body.read())
    watching.cancel()
    await asyncio.wait((watching,))
    peer.send(part(b"a"), END)
    assert await reading == b"a"
    assert await body.read() is None


async def test_the_watcher_waits_for_a_reader_that_began_before_it() -> None:
    peer = Peer()
    body = RequestBody(peer.receive, None)
    reading = await settled(body.read())
    watching = await settled(body.watch())
    peer.send(part(b"a"))
    assert await reading == b"a"
    peer.send(END, LEAVING)
    assert await watching == LEAVING


async def test_a_cancelled_reader_loses_nothing() -> None:
    peer = Peer()
    body = RequestBody(peer.receive, None)
    watching = await settled(body.watch())
    reading = await settled(body.read())
    reading.cancel()
    await asyncio.wait((reading,))
    peer.send(part(b"a"), END)
    assert await body.read() == b"a"
    watching.cancel()
    await asyncio.wait((watching,))


@pytest.mark.parametrize("is_watched", [False, True])
async def test_a_body_over_its_limit_is_refused_and_not_read_further(*, is_watched: bool) -> None:
    peer = Peer(part(b"aa"), part(b"aa"), part(b"aa"))
    body = RequestBody(peer.receive, 3)
    watching = await settled(body.watch()) if is_watched else None
    with pytest.raises(ContentTooLarge, match="larger than 3 bytes") as refused:
        [piece async for piece in ContentReader(body)]
    assert refused.value.headers == {"Connection": "close"}
    if watching is None:
        assert peer.taken == 2
    else:
        assert peer.taken >= 2
        watching.cancel()


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    body = RequestBody(Peer(part(b"aaa"), END).receive, 3)
    assert [piece async for piece in ContentReader(body)] == [b"aaa"]


@pytest.mark.parametrize("length", [b"4", b"9" * 5_000])
def test_a_content_length_over_the_limit_is_refused(length: bytes) -> None:
    headers: HeaderPairs = [(b"content-length", length)]
    with pytest.raises(ContentTooLarge):
        content_type(http_scope("POST", headers=headers), 3)


async def test_a_receive_that_fails_raises_in_reader_and_watcher() -> None:
    async def receive() -> Message:
        raise RuntimeError("the server failed")

    body = RequestBody(receive, None)
    with pytest.raises(RuntimeError):
        await body.read()
    with pytest.raises(RuntimeError):
        await body.watch()
