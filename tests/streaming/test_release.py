"""The wait for a stream's end: no cancellation ends it, and none is lost."""

import asyncio

import anyio

from jero.streaming.release import Release


async def test_who_waits_is_let_go() -> None:
    release = Release()
    waiting = asyncio.create_task(release.wait())
    await asyncio.sleep(0)
    release.release()
    release.release()
    assert await waiting is None


async def test_a_cancellation_ends_no_wait_and_is_given_back() -> None:
    release = Release()
    waiting = asyncio.create_task(release.wait())
    for message in ("first", "second"):
        await asyncio.sleep(0)
        waiting.cancel(message)
        await asyncio.sleep(0)
        assert not waiting.done()
    release.release()
    cancelled = await waiting
    assert isinstance(cancelled, asyncio.CancelledError)


async def test_a_cancellation_in_the_same_turn_as_the_end() -> None:
    release = Release()
    waiting = asyncio.create_task(release.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    release.release()
    assert isinstance(await waiting, asyncio.CancelledError)


async def test_a_cancelled_scope_does_not_make_it_spin() -> None:
    class Counted(Release):
        waits = 0

        def _release(self) -> asyncio.Future[None]:
            self.waits += 1
            return super()._release()

    release = Counted()

    async def wait() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            assert isinstance(await release.wait(), asyncio.CancelledError)

    waiting = asyncio.create_task(wait())
    for _ in range(50):
        await asyncio.sleep(0)
    release.release()
    await waiting
    assert release.waits < 5


async def test_the_one_who_watches_is_called_back() -> None:
    release = Release()
    watching = asyncio.create_task(asyncio.sleep(60))
    release.watcher = watching
    release.release()
    assert release.is_called_back
    await asyncio.wait((watching,))
    assert watching.cancelled()
