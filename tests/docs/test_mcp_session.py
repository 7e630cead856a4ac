import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_session import MAX_CALLS, MAX_SESSIONS, Event, Notify, Outgoing, Session, Sessions, Tool
from msgspec import UNSET

from jero import NotFound, TooManyRequests


@asynccontextmanager
async def session() -> AsyncGenerator[Session, None]:
    async with aclosing(Sessions()) as sessions:
        yield await sessions.begin()


async def counting(name: str, count: int, notify: Notify) -> str:
    for number in range(count):
        await notify(name, number)
        await asyncio.sleep(0)
    return name


def with_messages(events: list[Event]) -> list[Any]:
    """Returns the numbers that a tool has counted, and its result."""
    found = [cast("Outgoing", event.data) for event in events if event.data]
    return [message.result if message.method is UNSET else (message.method, message.params) for message in found]


async def read_in_parts(client: Session, name: str, count: int, parts: list[int]) -> list[Any]:
    """Calls a tool, and reads its stream by connections that break, each after some events, and then to the end."""
    events: list[Event] = []

    async def read(stream: Any, at_most: int | None) -> None:
        async with aclosing(stream):
            async for event in stream:
                events.append(event)
                at_most = None if at_most is None else at_most - 1
                if at_most == 0:
                    return

    async def tool(notify: Notify) -> str:
        return await counting(name, count, notify)

    first, *others = [*parts, None]
    async with aclosing(client.call(name, tool)) as call:
        await read((await anext(call)).__aiter__(), first)
    for part in others:
        await read(client.resume(events[-1].id), part)
    return with_messages(events)


@given(
    counts=st.lists(st.integers(0, 20), min_size=1, max_size=4),
    parts=st.lists(st.integers(1, 5), max_size=5),
)
def test_each_stream_has_its_own_messages_once_and_in_order(counts: list[int], parts: list[int]) -> None:
    async def read_all() -> list[list[Any]]:
        async with session() as client:
            names = [f"tool{index}" for index in range(len(counts))]
            return await asyncio.gather(
                *(read_in_parts(client, name, count, parts) for name, count in zip(names, counts, strict=True))
            )

    expected = [
        [*((f"tool{index}", number) for number in range(count)), f"tool{index}"] for index, count in enumerate(counts)
    ]
    assert asyncio.run(read_all()) == expected


async def test_a_tool_that_fails_has_a_response_without_details(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(notify: Notify) -> None:
        raise RuntimeError("the password is swordfish")

    async with session() as client, aclosing(client.call(1, failing)) as call:
        (response,) = [event.data async for event in await anext(call) if event.data]
    assert (response.id, response.error.code, "swordfish" in response.error.message) == (1, -32603, False)
    assert "swordfish" in caplog.text


async def test_a_call_may_be_cancelled_before_it_has_begun() -> None:
    begun: list[bool] = []

    async def tool(notify: Notify) -> None:
        begun.append(True)

    async with session() as client, aclosing(client.call(1, tool)) as call:
        stream = await anext(call)
        client.cancel(1)
        assert [event.data async for event in stream if event.data] == []
        client.cancel(1)  # it has ended
    assert begun == []


async def test_the_end_of_a_session_cancels_its_calls() -> None:
    cancelled: list[bool] = []

    async def endless(notify: Notify) -> None:
        try:
            await notify("begun", 1)
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    async with aclosing(Sessions()) as sessions:
        client = await sessions.begin()
        async with aclosing(client.call(1, endless)) as call:
            stream = (await anext(call)).__aiter__()
            while not with_messages([await anext(stream)]):
                pass
            await sessions.end(client.id)
            assert (cancelled, [event async for event in stream]) == ([True], [])


async def test_a_session_has_a_limit_of_calls() -> None:
    async def endless(notify: Notify) -> None:
        await asyncio.Event().wait()

    async def begin(client: Session, request_id: int, tool: Tool) -> None:
        async with aclosing(client.call(request_id, tool)) as call:
            await anext(call)

    async with session() as client:
        for request_id in range(MAX_CALLS):
            await begin(client, request_id, endless)
        with pytest.raises(TooManyRequests):
            await begin(client, MAX_CALLS, endless)


async def test_the_session_that_was_not_used_for_longest_makes_room() -> None:
    async with aclosing(Sessions()) as sessions:
        first, second = [await sessions.begin() for _ in range(2)]
        sessions.find(first.id)
        for _ in range(MAX_SESSIONS - 1):
            await sessions.begin()
        assert sessions.find(first.id) is first
        with pytest.raises(NotFound):
            sessions.find(second.id)
