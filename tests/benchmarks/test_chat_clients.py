"""Tests the clients of a gateway, and the chat service behind it."""

import asyncio
import math
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from benchmarks import chat_clients
from benchmarks.chat_clients import Chats
from benchmarks.chat_upstream import END_MARK, MARK, Script
from benchmarks.server import Server
from benchmarks.subject import CEILING, SUBJECTS
from tests.client.raw_server import EVENTS, Peer, RawServer

PAUSE = 0.02


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with Server("benchmarks.chat_upstream") as server:
        yield server.port


@pytest.mark.parametrize("at_once", [1, 3, 50, 100])
def test_each_chunk_of_a_block_is_counted(port: int, at_once: int) -> None:
    with Chats(port, [Script(100, at_once=at_once), Script(7, at_once=at_once)]) as chats:
        assert chats.read() == chats.count == 107
    ages = chats.ages()
    assert len(ages) == 107
    assert all(0 < age < 1 for age in ages)


def test_paced_chunks_begin_together_and_keep_their_pace(port: int) -> None:
    begin = time.monotonic() + 0.2
    scripts = [Script(5, pause=PAUSE, begin=begin), Script(5, pause=PAUSE, begin=begin + PAUSE / 2)]
    with Chats(port, scripts, opening=0.05) as chats:
        chats.read()
    ages = chats.ages()
    assert time.monotonic() >= begin + 4 * PAUSE
    assert len(ages) == 10


def test_the_chunks_of_the_time_to_settle_are_left_out(port: int) -> None:
    with Chats(port, [Script(5, pause=PAUSE, begin=time.monotonic())]) as chats:
        chats.read()
    assert len(chats.ages(settling=PAUSE * 2.5)) <= 3


async def read(*bodies: bytes, ends: bool = True) -> list[float]:
    """Returns the ages of two chunks of an answer that has these parts."""

    async def answer(peer: Peer) -> None:
        with suppress(ConnectionError):  # the clients leave when all chunks have arrived
            await peer.send(EVENTS)
            await peer.chunks(*bodies)
            if ends:
                await peer.end()
            else:
                await peer.client_has_left()

    async with RawServer(answer) as server:
        return await asyncio.to_thread(read_two, httpx.URL(server.url).port or 0)


def read_two(port: int) -> list[float]:
    with Chats(port, [Script(2)]) as chats:
        chats.read()
    return chats.ages()


def chunk(age: float) -> bytes:
    return b'data: {"content":%b%.6f%b}\n\n' % (MARK, time.monotonic() - age, END_MARK)


async def test_a_chunk_is_read_over_the_borders_of_parts() -> None:
    sent = chunk(100.0) + chunk(200.0)
    for cut in range(1, len(sent)):
        ages = await read(sent[:cut], sent[cut:])
        assert ages == [pytest.approx(100, abs=1), pytest.approx(200, abs=1)]


@pytest.mark.parametrize("count", [1, 3])
async def test_a_stream_that_ends_with_another_number_of_chunks_is_refused(count: int) -> None:
    with pytest.raises(RuntimeError, match=f"{count} chunks of 2 have arrived"):
        await read(chunk(1.0) * count)


async def test_a_chunk_that_does_not_arrive_is_never_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_clients, "PATIENCE", 0.1)
    assert await read(chunk(100.0), ends=False) == [pytest.approx(100, abs=1), math.inf]


def test_an_answer_other_than_200_is_refused() -> None:
    with (
        Server(SUBJECTS[CEILING].module) as server,
        Chats(server.port, [Script(1)]) as chats,
        pytest.raises(RuntimeError, match="not 200"),
    ):
        chats.read()
