"""A service whose answer depends on the model of the request, and a demo in front of it, for the SDKs of OpenAI."""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from anyio import fail_after
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.demo.running import demo_process
from tests.demo.upstream import (
    DONE,
    END_OF_BODY,
    ENDING,
    HEAD,
    ROLE,
    Request,
    Script,
    Upstream,
    chunk,
    event,
    never_pause,
    refusal,
)

TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"title":"M"}'}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
# The statuses of the service, and those of the demo for them: the server's own key is not the client's fault.
STATUSES = {400: 400, 401: 502, 404: 404, 409: 409, 422: 422, 429: 429, 500: 500, 503: 503}


def _whole(message: dict[str, Any], finish_reason: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    fields = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    body = json.dumps({**fields, "choices": [choice], "usage": USAGE, "a_field_of_tomorrow": [1]}).encode()
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return f"HTTP/1.1 200 OK\r\n{head}".encode() + body


def _part(delta: dict[str, Any], finish_reason: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return event(json.dumps({**common, "choices": [choice], **fields}).encode())


def _call_in_parts() -> bytes:
    arguments = '{"title":"M"}'
    opening = {**CALL, "index": 0, "function": {"name": "find", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": piece}} for piece in (arguments[:5], arguments[5:])]
    return b"".join(_part({"tool_calls": [call]}) for call in (opening, *pieces)) + _part({}, "tool_calls")


ANSWER = _whole({"content": "Hello"}, "stop")
SCRIPTS: dict[str, Sequence[Script]] = {
    "whole": [Script(ANSWER)],
    "whole-tools": [Script(_whole({"content": None, "tool_calls": [CALL]}, "tool_calls"))],
    "stream-tools": [Script(HEAD + ROLE + _call_in_parts() + DONE + END_OF_BODY)],
    "breaks": [Script(HEAD + ROLE + chunk(content="Half"))],
    "endless": [Script(HEAD + ROLE, never_pause)],
    "short": [Script(HEAD + ROLE + chunk(content="Hello") + ENDING)],
    "busy-once": [Script(refusal(429, headers={"Retry-After": "0"})), Script(ANSWER)],
    **{f"refuses-{status}": [Script(refusal(status, headers={"Retry-After": "7"}))] for status in STATUSES},
}


class ScriptedUpstream(Upstream):
    """Answers by the model that a request names. If a model has several scripts, they take turns."""

    def __init__(self) -> None:
        super().__init__()
        self._scripts: dict[str, Iterator[Script]] = {model: cycle(scripts) for model, scripts in SCRIPTS.items()}

    def script(self, request: Request) -> Script:
        return next(self._scripts[request.body["model"]])


@dataclass(frozen=True)
class ScriptedDemo:
    """A demo in a process of its own, in front of a scripted service. `url`: the base URL for SDKs."""

    url: str
    upstream: ScriptedUpstream
    _portal: BlockingPortal

    def wait_until_left(self) -> None:
        """Waits until the demo has left a request to the service. Raises `TimeoutError` after 10 seconds."""
        self._portal.call(self._left)

    async def _left(self) -> None:
        with fail_after(10):
            await self.upstream.left.wait()
        self.upstream.left.clear()


@contextmanager
def scripted_demo() -> Generator[ScriptedDemo, None, None]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(ScriptedUpstream()) as upstream,
        demo_process(service=upstream.service) as (_, url),
    ):
        yield ScriptedDemo(f"{url}/v1", upstream, portal)


@contextmanager
def offline_demo() -> Generator[str, None, None]:
    """Runs a demo with its offline model in a process of its own. Yields the base URL for SDKs."""
    with demo_process() as (_, url):
        yield f"{url}/v1"
