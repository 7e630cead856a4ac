"""The chunks that real services of models send, in the dialects of OpenAI and Anthropic."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw, Struct, UnsetType

from jero import ServerSentEvent
from jero.client import StreamClient, StreamCut
from jero.client.readers import EventReader
from tests.client.cuts import chunks


class Delta(Struct):
    content: str | None = None


class Choice(Struct):
    delta: Delta | None = None
    finish_reason: str | None = None


class Fault(Struct):
    message: str


class Chunk(Struct):
    choices: list[Choice] | None = None
    error: Fault | UnsetType = UNSET


class MessageStart(Struct, tag_field="type", tag="message_start"):
    message: Raw


class BlockDelta(Struct, tag_field="type", tag="content_block_delta"):
    index: int
    delta: Raw


class Ping(Struct, tag_field="type", tag="ping"):
    pass


class Overloaded(Struct, tag_field="type", tag="error"):
    error: Fault


class MessageStop(Struct, tag_field="type", tag="message_stop"):
    pass


Message = MessageStart | BlockDelta | Ping | Overloaded | MessageStop


class Body(httpx.AsyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def read(type_: Any, *pieces: bytes, until: Any = "[DONE]") -> list[ServerSentEvent[Any]]:
    """Returns the events that a client reads from a service that sends the pieces."""

    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Body(*pieces))

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url="http://mock") as mock,
        StreamClient(client=mock).events("/", type_, method="POST", until=until) as events,
    ):
        return [event async for event in events]


HELLO = Chunk([Choice(Delta("Hello"))])


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b'data: {"choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null}],"obfuscation":"x"}\n\n', [HELLO]),
        (b'data:{"choices":[{"delta":{"content":"Hello"}}]}\n\n', [HELLO]),
        (b'data: {"choices":[{"delta":{"content":"Hello"}}]}\r\n\r\n', [HELLO]),
        (b'data: {"choices":\r\ndata: [{"delta":{"content":"Hello"}}]}\r\n\r\n', [HELLO]),
        (b'\xef\xbb\xbfdata: {"choices":[{"delta":{"content":"Hello"}}]}\n\n', [HELLO]),
        (b': OPENROUTER PROCESSING\n\ndata: {"choices":[{"delta":{"content":"Hello"}}]}\n\n:\n\n', [HELLO]),
        (b'data:\n\ndata: \n\ndata\n\ndata: {"choices":[{"delta":{"content":"Hello"}}]}\n\n', [HELLO]),
        (b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n', [Chunk([Choice(Delta())])]),
        (b'data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}\n\n', [Chunk([Choice(Delta())])]),
        (b'data: {"choices":[{"finish_reason":"stop"}]}\n\n', [Chunk([Choice(None, "stop")])]),
        (b'data: {"choices":[{"delta":null}]}\n\n', [Chunk([Choice()])]),
        (b'data: {"choices":[],"usage":{"total_tokens":3}}\n\n', [Chunk([])]),
        (b'data: {"choices":null}\n\ndata: {"usage":{}}\n\n', [Chunk(), Chunk()]),
        (b'data: {"error":{"message":"overloaded","code":529}}\n\n', [Chunk(error=Fault("overloaded"))]),
        (b"", []),
    ],
)
async def test_a_chunk_is_read_and_what_it_does_not_declare_is_passed_over(sent: bytes, expected: list[Chunk]) -> None:
    assert [event.data for event in await read(Chunk, sent + b"data: [DONE]\n\n")] == expected
    assert [event.data for event in await read(Chunk, sent, until=None)] == expected


async def test_a_stream_without_done_is_cut_if_done_is_promised() -> None:
    with pytest.raises(StreamCut, match=r"after 1 item: it ended without the event '\[DONE\]'"):
        await read(Chunk, b'data: {"choices":[]}\n\n')


async def test_what_comes_after_done_is_not_read() -> None:
    assert await read(Chunk, b"data: [DONE]\n\ndata: not a chunk\n\n", b"data: not a chunk\n\n") == []


async def test_a_chunk_that_is_not_json_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError) as raised:
        await read(Chunk, b"data: overloaded\n\n")
    assert raised.value.__notes__ == ["in the data of an event 'message': 'overloaded'"]


CLAUDE = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m-1", "usage": {"input_tokens":25}}}\n\n'
    b'event: ping\ndata: {"type": "ping"}\n\n'
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"H\xc3\xa9"}}\n\n'
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
MESSAGES = [
    ("message_start", MessageStart(Raw(b'{"id":"m-1", "usage": {"input_tokens":25}}'))),
    ("ping", Ping()),
    ("content_block_delta", BlockDelta(0, Raw('{"type":"text_delta","text":"Hé"}'.encode()))),
    ("error", Overloaded(Fault("Overloaded"))),
    ("message_stop", MessageStop()),
]


def is_last(event: ServerSentEvent[Message]) -> bool:
    return isinstance(event.data, MessageStop)


async def test_named_events_of_several_types_are_read_as_a_union() -> None:
    found = await read(Message, CLAUDE, b"event: late\ndata: x\n\n", until=is_last)
    assert [(event.event, event.data) for event in found] == MESSAGES


def at_once(type_: Any, *pieces: bytes, until: Any) -> tuple[list[ServerSentEvent[Any]], bool]:
    reader: EventReader[Any] = EventReader(type_, until=until)
    return [event for piece in pieces for event in reader.feed(piece)], reader.has_ended


OPENAI = (
    b'\xef\xbb\xbf: hi\r\n\r\ndata: {"choices":[{"delta":{"content":"H\xc3\xa9"}}]}\r\n\r\n'
    b'data:{"choices":\rdata:[]}\r\rdata:\n\ndata: {"choices":null}\n\ndata: [DONE]\r\n\r\n'
)


@pytest.mark.parametrize(("type_", "whole", "until"), [(Chunk, OPENAI, "[DONE]"), (Message, CLAUDE, is_last)])
def test_the_events_are_the_same_at_whichever_byte_the_stream_is_cut(type_: Any, whole: bytes, until: Any) -> None:
    expected = at_once(type_, whole, until=until)
    assert len(expected[0]) in (3, 5)
    assert expected[1]
    for at in range(len(whole) + 1):
        assert at_once(type_, whole[:at], whole[at:], until=until) == expected
    single = [whole[start:end] for start, end in pairwise(range(len(whole) + 1))]
    assert at_once(type_, *single, until=until) == expected


@given(pieces=chunks(st.sampled_from([OPENAI, CLAUDE])))
def test_the_events_are_the_same_however_the_bytes_are_cut(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    type_, until = (Chunk, "[DONE]") if whole == OPENAI else (Message, is_last)
    assert at_once(type_, *pieces, until=until) == at_once(type_, whole, until=until)


@given(offset=st.integers(0, len(OPENAI) - 3))
def test_a_stream_that_ends_early_has_not_ended_at_any_byte(offset: int) -> None:
    _, has_ended = at_once(Chunk, OPENAI[:offset], until="[DONE]")
    assert not has_ended


class Passed(Struct):
    """A chunk whose model the proxy changes; everything else is passed on."""

    model: str
    choices: Raw
    usage: Raw = Raw(b"null")


async def test_what_a_proxy_does_not_model_is_passed_on_byte_for_byte() -> None:
    choices = '[ {"delta": {"content":"H\\u00e9\\/é" , "x":1.0e2}, "index":0 } ]'.encode()
    usage = b'{"total_tokens": 12345678901234567890 }'
    sent = b'data: {"choices":' + choices + b',"model":"m","usage":' + usage + b"}\n\n"
    [event] = await read(Passed, sent, until=None)
    assert isinstance(event.data, Passed)
    event.data.model = "ours"
    assert msgspec.json.encode(event.data) == b'{"model":"ours","choices":' + choices + b',"usage":' + usage + b"}"


async def test_a_whole_chunk_is_passed_on_byte_for_byte() -> None:
    [event] = await read(Raw, b'data: {"a": [1,  2.50]}\n\ndata: [DONE]\n\n')
    assert msgspec.json.encode(event.data) == b'{"a": [1,  2.50]}'
