"""Runs on a real server: clients that are cut come back, and lines are complete if the run is."""

import asyncio
from collections.abc import AsyncGenerator, Iterator

import httpx
import pytest
from httpx_sse import aconnect_sse

from tests.runs.reading import PATIENCE
from tests.servers.running import Running, running
from tests.servers.servers import UVICORN

ITEMS = 40


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(UVICORN, "tests.runs.feed:app") as server:
        yield server


@pytest.fixture
async def http(server: Running) -> AsyncGenerator[httpx.AsyncClient, None]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE, trust_env=False, limits=limits) as http:
        yield http


async def start(http: httpx.AsyncClient, **order: object) -> str:
    response = await http.post("/runs", json=order)
    assert response.status_code == 202
    run_id: str = response.json()["id"]
    return run_id


async def read_events(http: httpx.AsyncClient, run_id: str, after: str | None, count: int | None) -> list[str]:
    """Returns the ids of the first events, or of all up to the end."""
    headers = {} if after is None else {"Last-Event-ID": after}
    ids: list[str] = []
    async with aconnect_sse(http, "GET", f"/runs/{run_id}", headers=headers) as source:
        async for event in source.aiter_sse():
            ids.append(event.id)
            if len(ids) == count or event.event == "end":
                return ids
    return ids


async def test_a_client_that_is_cut_anywhere_gets_every_item_once_and_the_end(http: httpx.AsyncClient) -> None:
    run_id = await start(http, count=ITEMS, pause=0.01)

    async def follow(cut: int) -> list[str]:
        before = await read_events(http, run_id, None, cut)
        return before + await read_events(http, run_id, before[-1], None)

    async with asyncio.timeout(PATIENCE):
        for ids in await asyncio.gather(*(follow(cut) for cut in range(1, ITEMS + 1))):
            assert ids == [f"0-{number}" for number in range(1, ITEMS + 2)]
    response = await http.get(f"/runs/{run_id}", headers={"Last-Event-ID": f"0-{ITEMS + 1}"})
    assert (response.status_code, response.content) == (204, b"")


async def test_a_response_ends_with_its_run(http: httpx.AsyncClient) -> None:
    run_id = await start(http, count=5, pause=0.05)
    async with asyncio.timeout(PATIENCE):
        events, lines = await asyncio.gather(http.get(f"/runs/{run_id}"), http.get(f"/runs/{run_id}/lines"))
    assert events.text.endswith('event: end\nid: 0-6\ndata: {"outcome":"completed"}\n\n')
    assert lines.text.count("\n") == 5


async def test_lines_are_complete_if_the_run_completed(http: httpx.AsyncClient) -> None:
    run_id = await start(http, count=ITEMS)
    response = await http.get(f"/runs/{run_id}/lines")
    assert response.text == "".join(f'{{"number":{number},"text":""}}\n' for number in range(1, ITEMS + 1))


async def test_lines_are_cut_if_the_run_was_stopped(http: httpx.AsyncClient) -> None:
    run_id = await start(http, pause=0.01)
    lines: list[str] = []

    async def read_lines() -> None:
        async with http.stream("GET", f"/runs/{run_id}/lines") as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if len(lines) == 5:
                    assert (await http.delete(f"/runs/{run_id}")).status_code == 204

    with pytest.raises(httpx.RemoteProtocolError):
        await read_lines()
    assert len(lines) >= 5
    events = (await http.get(f"/runs/{run_id}")).text
    assert events.endswith('data: {"outcome":"stopped"}\n\n')
