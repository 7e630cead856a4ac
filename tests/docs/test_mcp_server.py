import asyncio
import re
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from anyio.abc import SocketAttribute, SocketStream
from httpx_sse import ServerSentEvent, connect_sse
from mcp import Client
from mcp.client.session import IncomingMessage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent, ToolListChangedNotification

from tests.docs.example import Example, served
from tests.docs.program import PATIENCE, ROOT

INITIALIZE: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


class Cutter:
    """Passes bytes between clients and the example, and cuts a connection once: after `last` has passed."""

    def __init__(self, example: Example, last: bytes) -> None:
        self._upstream = httpx.URL(example.url)
        self._last = last
        self.has_cut = False

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[str, None]:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, self._connected)
            yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
            tasks.cancel_scope.cancel()

    async def _connected(self, client: SocketStream) -> None:
        upstream = await anyio.connect_tcp(str(self._upstream.host), self._upstream.port or 80)
        async with client, upstream, anyio.create_task_group() as tasks:
            tasks.start_soon(self._pass, client, upstream, tasks.cancel_scope)
            tasks.start_soon(self._pass, upstream, client, tasks.cancel_scope)

    async def _pass(self, source: SocketStream, sink: SocketStream, connection: anyio.CancelScope) -> None:
        seen = b""
        with suppress(anyio.BrokenResourceError):  # a client resets a connection that it closes early
            async for data in source:
                await sink.send(data)
                seen += data
                if self._last in seen and not self.has_cut:
                    self.has_cut = True
                    break
        connection.cancel()


class Official:
    """The official client, and what it has received."""

    def __init__(self, client: Client, received: asyncio.Queue[IncomingMessage]) -> None:
        self.client = client
        self.received = received
        self.progress: list[float] = []

    async def brew(self, cups: int) -> str:
        result = await self.client.call_tool("brew", {"cups": cups}, progress_callback=self._note)
        (content,) = result.content
        assert isinstance(content, TextContent)
        return content.text

    async def _note(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append(progress)


@asynccontextmanager
async def official(url: str) -> AsyncGenerator[Official, None]:
    received = asyncio.Queue[IncomingMessage]()

    async def receive(message: IncomingMessage) -> None:
        await received.put(message)

    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=PATIENCE))
        transport = streamable_http_client(f"{url}/mcp", http_client=http)
        client = Client(transport, message_handler=receive, cache=None, read_timeout_seconds=PATIENCE)
        yield Official(await stack.enter_async_context(client), received)


async def test_the_official_client_lists_and_calls_a_tool(example: Example) -> None:
    async with official(example.url) as user:
        assert user.client.protocol_version == "2025-11-25"
        (tool,) = (await user.client.list_tools()).tools
        assert (tool.name, tool.input_schema["required"]) == ("brew", ["cups"])
        assert await user.brew(3) == "3 cups of coffee"
        assert user.progress == [1, 2, 3]
        with pytest.raises(MCPError, match="Expected `int` >= 1"):
            await user.brew(0)
        with pytest.raises(MCPError, match="The method is unknown"):
            await user.client.list_prompts()
    assert example.line_with("202").endswith('"POST /mcp HTTP/1.1" 202 Accepted')
    assert example.line_with("DELETE").endswith('"DELETE /mcp HTTP/1.1" 204 No Content')


async def test_the_official_client_is_notified_by_the_feed(example: Example, client: httpx.Client) -> None:
    async with official(example.url) as user:
        for are_left, tools in ((False, 0), (True, 1)):
            await asyncio.to_thread(client.put, "/beans", json={"are_left": are_left})
            message = await asyncio.wait_for(user.received.get(), PATIENCE)
            assert isinstance(message, ToolListChangedNotification)
            assert len((await user.client.list_tools()).tools) == tools


async def test_the_official_client_resumes_a_call_whose_connection_broke(example: Example) -> None:
    cutter = Cutter(example, last=b'"progress":2,')
    async with cutter.listening() as url, official(url) as user:
        assert await user.brew(4) == "4 cups of coffee"
        assert user.progress == [1, 2, 3, 4]
    assert cutter.has_cut


def begin(client: httpx.Client) -> dict[str, str]:
    """Begins a session. Returns the header of its requests."""
    answer = client.post("/mcp", json=INITIALIZE)
    assert (answer.status_code, answer.json()["result"]["protocolVersion"]) == (200, "2025-11-25")
    return {"Mcp-Session-Id": answer.headers["mcp-session-id"]}


def call(cups: int, request_id: int | str = 2) -> dict[str, Any]:
    params = {"name": "brew", "arguments": {"cups": cups}, "_meta": {"progressToken": "t"}}
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}


def calling(stack: ExitStack, client: httpx.Client, session: dict[str, str], body: Any) -> Iterator[ServerSentEvent]:
    source = stack.enter_context(connect_sse(client, "POST", "/mcp", json=body, headers=session))
    events = source.iter_sse()
    first = next(events)  # it has no message: a client can resume from it
    assert (first.id != "", first.data, first.retry) == (True, "", 500)
    return with_message(events)


def reading(
    stack: ExitStack, client: httpx.Client, session: dict[str, str], after: str | None = None
) -> Iterator[ServerSentEvent]:
    headers = {**session, **({} if after is None else {"Last-Event-ID": after})}
    return with_message(stack.enter_context(connect_sse(client, "GET", "/mcp", headers=headers)).iter_sse())


def with_message(events: Iterator[ServerSentEvent]) -> Iterator[ServerSentEvent]:
    return (event for event in events if event.data)


def progress_of(events: list[ServerSentEvent]) -> list[int]:
    return [event.json()["params"]["progress"] for event in events if "params" in event.json()]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_each_request_needs_an_open_session(client: httpx.Client, method: str) -> None:
    body = PING if method == "POST" else None
    ended = begin(client)
    assert client.delete("/mcp", headers=ended).status_code == 204
    for headers, status in (({}, 400), ({"Mcp-Session-Id": "guessed"}, 404), (ended, 404)):
        assert client.request(method, "/mcp", json=body, headers=headers).status_code == status


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"MCP-Protocol-Version": "2024-11-05"}, 400),
    ],
)
def test_an_unknown_origin_and_an_unknown_version_are_refused(
    client: httpx.Client, method: str, header: dict[str, str], status: int
) -> None:
    session = begin(client)
    assert client.request(method, "/mcp", headers={**session, **header}).status_code == status
    assert client.post("/mcp", json=PING, headers=session).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, None),
        (b"[]", 422, None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 422, None),
        (b'{"id":1,"method":"ping"}', 422, None),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', 422, None),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', 422, None),
        (b'{"jsonrpc":"2.0","method":"notifications/cancelled"}', 400, None),
        (b'{"jsonrpc":"2.0","method":"notifications/unknown"}', 202, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"unknown"}', 200, -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', 200, -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tea","arguments":{}}}', 200, -32602),
    ],
)
def test_a_message_that_cannot_be_used_has_its_answer(
    client: httpx.Client, body: bytes, status: int, code: int | None
) -> None:
    headers = {**begin(client), "Content-Type": "application/json"}
    answer = client.post("/mcp", content=body, headers=headers)
    assert answer.status_code == status
    if status == 202:
        assert answer.content == b""
    if code is not None:
        assert (answer.json()["id"], answer.json()["error"]["code"]) == (1, code)


def test_a_client_that_leaves_does_not_cancel_its_call(client: httpx.Client) -> None:
    session = begin(client)
    with ExitStack() as stack:
        events = calling(stack, client, session, call(5))
        seen = [next(events), next(events)]
    with ExitStack() as stack:
        rest = list(reading(stack, client, session, after=seen[-1].id))
    assert progress_of([*seen, *rest]) == [1, 2, 3, 4, 5]
    assert rest[-1].json()["result"]["content"] == [{"type": "text", "text": "5 cups of coffee"}]
    with ExitStack() as stack:
        assert list(reading(stack, client, session, after=rest[-1].id)) == []


def test_an_id_of_another_session_is_refused(client: httpx.Client) -> None:
    session, other = begin(client), begin(client)
    with ExitStack() as stack:
        (response,) = calling(stack, client, session, {**call(1), "params": {"name": "brew", "arguments": {"cups": 1}}})
    for last_event_id in (response.id, response.id.replace("call1", "feed"), "feed", "feed.1"):
        with client.stream("GET", "/mcp", headers={**other, "Last-Event-ID": last_event_id}) as answer:
            assert answer.status_code == 400
            assert "coffee" not in answer.read().decode()


def test_a_cancelled_call_ends_without_a_response(client: httpx.Client) -> None:
    session = begin(client)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c"}}
    with ExitStack() as stack:
        events = calling(stack, client, session, call(100, "c"))
        assert next(events).json()["params"]["progress"] == 1
        assert client.post("/mcp", json=call(1, "c"), headers=session).status_code == 409
        assert client.post("/mcp", json=cancel, headers=session).status_code == 202
        rest = list(events)
    assert all("params" in event.json() for event in rest)
    assert progress_of(rest)[-1:] != [100]


def test_a_new_reader_of_the_feed_ends_the_one_before(client: httpx.Client) -> None:
    session = begin(client)
    client.put("/beans", json={"are_left": True})
    with ExitStack() as stack:
        first = reading(stack, client, session)
        seen = next(first)  # it was sent before the reader came
        second = reading(stack, client, session)
        assert seen.json() == CHANGED
        client.put("/beans", json={"are_left": True})
        changed = next(second)
        assert list(first) == []
        assert (changed.json(), changed.id != seen.id) == (CHANGED, True)


def test_the_end_of_a_session_ends_its_streams_and_its_calls(client: httpx.Client) -> None:
    session = begin(client)
    with ExitStack() as stack:
        feed = reading(stack, client, session)
        events = calling(stack, client, session, call(100))
        next(events)
        assert client.delete("/mcp", headers=session).status_code == 204
        assert list(feed) == []
        assert all("result" not in event.json() for event in events)


def test_a_shutdown_completes_a_call_and_ends_the_feed() -> None:
    with ExitStack() as stack:
        example = stack.enter_context(served("mcp_server"))
        client = stack.enter_context(httpx.Client(base_url=example.url, timeout=PATIENCE, trust_env=False))
        session = begin(client)
        feed = stack.enter_context(connect_sse(client, "GET", "/mcp", headers=session)).iter_sse()
        next(feed)
        events = calling(stack, client, session, call(5))
        next(events)
        example.program.terminate()
        assert 1_000 <= (list(feed)[-1].retry or 0) <= 5_000
        assert "result" in list(events)[-1].json()
        assert example.program.status() == -signal.SIGTERM


def test_the_page_shows_the_events_of_a_call(client: httpx.Client) -> None:
    page = (ROOT / "docs" / "mcp.md").read_text("utf-8")
    shown = page.partition("```text\n")[2].partition("```")[0]
    text = client.post("/mcp", json=call(2), headers=begin(client)).text
    unshown = re.compile(r"[0-9a-f]{16}-\d+")
    assert unshown.sub("ID", text) == unshown.sub("ID", shown)
