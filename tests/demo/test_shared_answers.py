"""Tests that the processes on one Redis share the answers: each follows and stops those of the others."""

from contextlib import ExitStack

import httpx
from anyio import fail_after
from anyio.from_thread import start_blocking_portal
from httpx_sse import connect_sse

from tests.channels.redis_server import RedisServer
from tests.demo.running import demo_process
from tests.demo.upstream import HEAD, Upstream, chunk, stay
from tests.docs.program import PATIENCE


async def wait_until_left(upstream: Upstream) -> None:
    with fail_after(PATIENCE):
        await upstream.left.wait()


def test_an_answer_is_followed_and_stopped_in_another_process(redis: RedisServer) -> None:
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        upstream = stack.enter_context(
            portal.wrap_async_context_manager(Upstream(HEAD, chunk(content="Hello"), then=stay))
        )
        here, there = (
            stack.enter_context(httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False))
            for _, url in [stack.enter_context(demo_process(redis.url, service=upstream.service)) for _ in range(2)]
        )
        key = {"Prefer": "respond-async", "Idempotency-Key": "one"}
        asked = [client.post("/questions", json={"text": "Who?"}, headers=key) for client in (here, there)]
        (address,) = {answer.headers["location"] for answer in asked}
        with connect_sse(there, "GET", address) as source:
            events = source.iter_sse()
            assert next(events).json() == {"text": "Hello"}
            assert there.delete(address).status_code == 204
            assert [(event.event, event.data) for event in events] == [("end", '{"outcome":"stopped"}')]
        portal.call(wait_until_left, upstream)
        assert len(upstream.requests) == 1
