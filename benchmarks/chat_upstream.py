"""A chat service for the gateways: streams chat completions in OpenAI's form, without a framework.

The message of a request is a `Script` in JSON. So a gateway passes it on as it passes on any message.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any, Final

from msgspec import Struct
from msgspec.json import Decoder, encode

PATH: Final = "/v1/chat/completions"
# The content of each chunk is the time at which the chunk was made, between these marks.
MARK: Final = b'"@'
END_MARK: Final = b'@"'
END: Final = b"data: [DONE]\n\n"

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Script(Struct):
    """`count` chunks with content, `at_once` in each write, and `pause` seconds between two writes.

    `begin`: a time of `time.monotonic`, which all processes of a machine share. The headers are sent before.
    """

    count: int
    at_once: int = 1
    pause: float = 0.0
    begin: float = 0.0

    @property
    def end(self) -> float:
        """Returns the time of the last write."""
        return self.begin + self.count / self.at_once * self.pause


class _Message(Struct):
    content: str


class _Request(Struct):
    messages: list[_Message]


_request = Decoder(_Request).decode
_script = Decoder(Script).decode


def request_body(script: Script) -> bytes:
    """Returns the body of a request for a stream that follows the script."""
    message = {"role": "user", "content": encode(script).decode()}
    options = {"stream": True, "stream_options": {"include_usage": True}}
    return encode({"model": "gpt-4o-mini", "messages": [message], **options})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request with a stream."""
    if scope["type"] != "http":
        return
    script = _script(_request(await _body(receive)).messages[0].content)
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(0, script.count, script.at_once):
        if script.begin:
            await asyncio.sleep(script.begin + number // script.at_once * script.pause - monotonic())
        await _send(send, _content(min(script.at_once, script.count - number)))
    await _send(send, _LAST + _usage(script.count) + END)
    await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive) -> bytes:
    body, is_more = b"", True
    while is_more:
        message = await receive()
        body, is_more = body + message["body"], message["more_body"]
    return body


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _chunk(choices: bytes, usage: bytes = b"null") -> bytes:
    return (
        b'data: {"id":"chatcmpl-CgQ0wYxT4mJv9cPzN1hRkLs7eUaB2","object":"chat.completion.chunk","created":1764280000,'
        b'"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_560af6e559",'
        b'"choices":%b,"usage":%b}\n\n' % (choices, usage)
    )


_CONTENT: Final = _chunk(
    b'[{"index":0,"delta":{"content":%b%%.6f%b},"logprobs":null,"finish_reason":null}]' % (MARK, END_MARK)
)
_LAST: Final = _chunk(b'[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]')


def _content(count: int) -> bytes:
    return _CONTENT % monotonic() * count


def _usage(count: int) -> bytes:
    return _chunk(b"[]", b'{"prompt_tokens":9,"completion_tokens":%d,"total_tokens":%d}' % (count, count + 9))
