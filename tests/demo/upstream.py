"""An OpenAI-compatible service that sends any bytes, so that a test can have it fail in any way."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from demo_app.settings import Service

KEY = "sk-a-key-that-nobody-may-see"

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
END_OF_BODY = b"0\r\n\r\n"


def part(text: bytes) -> bytes:
    """Returns a chunk of the body."""
    return b"%x\r\n%b\r\n" % (len(text), text)


def event(data: bytes) -> bytes:
    """Returns a server-sent event in a chunk of the body."""
    return part(b"data: " + data + b"\n\n")


def chunk(finish_reason: str | None = None, **delta: str) -> bytes:
    """Returns a chunk of an answer in the form of OpenAI's service."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return event(json.dumps(body).encode())


ROLE = chunk(role="assistant", content="")
STOP = chunk(finish_reason="stop")
DONE = event(b"[DONE]")
ENDING = STOP + DONE + END_OF_BODY


def whole(body: bytes, media_type: str = "application/json") -> bytes:
    """Returns a whole response with this body."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        media_type.encode(),
        len(body),
        body,
    )


def refusal(status: int, message: str = "No.", headers: Mapping[str, str] | None = None) -> bytes:
    """Returns a whole response with an error in the form of OpenAI's service."""
    body = json.dumps({"error": {"message": message, "type": "some_error", "param": None, "code": None}}).encode()
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Refused\r\n{head}\r\n".encode() + body


async def hang_up(_: asyncio.StreamWriter) -> None:
    """Closes the connection, also in the middle of a response."""


async def stay(_: asyncio.StreamWriter) -> None:
    """Sends nothing more, and keeps the connection open."""
    await asyncio.get_running_loop().create_future()


async def never_pause(writer: asyncio.StreamWriter) -> None:
    """Sends words as fast as the client reads them."""
    while True:
        writer.write(chunk(content="more ") * 100)
        await writer.drain()
        await asyncio.sleep(0)


async def keep_alive(writer: asyncio.StreamWriter) -> None:
    """Sends only pings."""
    while True:
        writer.write(b"8\r\n: ping\n\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Request:
    """A request that was received."""

    line: str
    headers: dict[str, str]
    content: bytes
    body: Any


@dataclass(frozen=True)
class Script:
    """The bytes to answer with, and what to do then."""

    answer: bytes
    then: Callable[[asyncio.StreamWriter], Awaitable[None]] = hang_up


class Upstream:
    """A context manager: a server that answers every request with the same bytes, and then calls `then`.

    `answered` is set when the bytes have been sent. `left` is set if the client has left before `then` returned.
    """

    def __init__(self, *pieces: bytes, then: Callable[[asyncio.StreamWriter], Awaitable[None]] = hang_up) -> None:
        self._answer = b"".join(pieces)
        self._then = then
        self._server: asyncio.Server | None = None
        self.service = Service("http://127.0.0.1:0/v1", "m", KEY)
        self.requests: list[Request] = []
        self._serving: set[asyncio.Task[None]] = set()
        self.answered = asyncio.Event()
        self.left = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.service = Service(f"http://127.0.0.1:{port}/v1", "m", KEY)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def script(self, request: Request) -> Script:
        """Returns what to answer a request with."""
        return Script(self._answer, self._then)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.ensure_future(self._answer_one(reader, writer))
        self._serving.add(serving)
        await asyncio.gather(serving, return_exceptions=True)
        self._serving.discard(serving)

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks: list[asyncio.Future[Any]] = []
        try:
            self.requests.append(await _read_request(reader))
            script = self.script(self.requests[-1])
            writer.write(script.answer)
            await writer.drain()
            self.answered.set()
            then = asyncio.ensure_future(script.then(writer))
            tasks += [then, asyncio.ensure_future(reader.read())]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not then.done() or isinstance(then.exception(), ConnectionError):
                self.left.set()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *fields = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(line, headers, content, json.loads(content) if content else None)
