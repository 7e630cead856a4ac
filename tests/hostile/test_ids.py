"""Ids that a client made up: each is refused, or resumes as a lost one does; none costs more than its length."""

import asyncio
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jero import BadRequest, Endpoint, ResumeHeaders, SSEResponse
from jero.channels import Channel, MemoryStore, Store
from jero.channels.entry import EntryReader
from jero.channels.event import Offset
from jero.channels.kind import KindOptions
from jero.channels.log import EventLog
from jero.channels.redis_log import RedisLog
from jero.channels.ring import Turn
from jero.http.asgi import Message
from tests.application import Application, http_scope
from tests.channels.no_access import NoAccess

SECONDS = 1.0
MALFORMED = [
    "-",
    "0",
    "0-",
    "-0",
    "-1-1",
    "1--1",
    "+1-1",
    "1-1-1",
    "01-1",
    "1-01",
    "1.0-1",
    "1e3-1",
    "0x1-1",
    "1_0-1",
    " 1-1",
    "1-1\n",
    "1-1\x00",
    "\x1b[31m",
    "1-1, 1-2",
    "\u0661-\u0661",
    "\uff11-\uff11",
    "*",
    "$",
    ">",
    "inf-inf",
    "99999999999999999999-1",
    "1-99999999999999999999",
    f"{2**64}-1",
    f"1-{2**64}",
    f"{2**64 - 1}-{2**64 - 1}",
    "9" * 10_000,
    "9" * 10_000 + "-1",
    "1-" + "9" * 10_000,
    "1-" + "0" * 10_000,
    "-" * 60_000,
    "a" * 15 + "-1",
    "A" * 16 + "-1",
    "g" * 16 + "-1",
    "a" * 16 + "-" + "9" * 10_000,
    "a" * 60_000 + "-1",
    "\ufffd",
    "😀" * 10_000,
]


@pytest.mark.parametrize("event_id", MALFORMED, ids=lambda text: ascii(text)[:30])
async def test_a_malformed_id_is_refused(store: Store, event_id: str) -> None:
    channel = Channel(store, "ids", int)
    other = Channel(store, "other", int)
    await channel.publish(1)
    await other.publish(1)
    began = process_time()
    with pytest.raises(BadRequest, match="Last-Event-ID is not an event id of this channel") as refused:
        channel.subscribe(after=event_id)
    assert process_time() - began < SECONDS
    assert len(refused.value.detail or "") < 200  # it does not repeat the id
    assert channel.statistics().subscribers == 0


def logs() -> list[EventLog]:
    async def make() -> list[EventLog]:
        async with MemoryStore() as store:
            return [
                store.log("a", history=10, history_bytes=1_000),
                RedisLog(NoAccess(), "a", "a", KindOptions(10, 1_000), Turn(), EntryReader()),
            ]

    return asyncio.run(make())


NUMBERS = st.integers(-1, 2**66).map(str) | st.integers(0, 5_000).map("9".__mul__)
IDS = st.text(max_size=40) | st.builds(
    "{}-{}".format, NUMBERS | st.text("0123456789abcdef", min_size=16, max_size=16), NUMBERS
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(event_id=IDS)
def test_any_id_is_an_offset_of_64_bits_or_lost_or_refused(event_id: str) -> None:
    for log in LOGS:
        try:
            offset: Offset | None = log.offset_of(event_id)
        except ValueError:
            continue
        if offset is not None:
            assert log.id_of(offset) == event_id
            assert all(0 <= part < 2**64 for part in offset)


LOGS = logs()


class Feed(Endpoint, path="/"):
    def __init__(self, channel: Channel[int]) -> None:
        self._channel = channel

    async def get(self, headers: ResumeHeaders) -> SSEResponse[int]:
        return SSEResponse(stream=self._channel.subscribe(after=headers.last_event_id))


class Reader:
    """A client that resumes, and leaves when it has received `end`."""

    def __init__(self, app: Application, event_id: bytes, end: bytes) -> None:
        self._end = end
        self._left = asyncio.Event()
        self.body = b""
        self.status = 0
        scope = http_scope(headers=[(b"last-event-id", event_id)])
        self.request = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")
        if self._end in self.body:
            self._left.set()


async def test_ids_of_other_channels_and_stores_harm_nobody(store: Store) -> None:
    """An id of another channel is refused or resumes somewhere; the others receive every event once, in order."""
    channel, other = Channel(store, "ids", int), Channel(store, "other", int)
    first = await channel.publish(0)
    foreign = [await other.publish(number) for number in range(3)]
    unknown = ["a" * 16 + "-5", "0" * 16 + "-0", *foreign]
    app = Application(Feed(channel))
    async with app.lifespan():
        honest = [Reader(app, first.encode(), b"data: 40\n") for _ in range(3)]
        hostile = [Reader(app, event_id.encode(), b"data: 40\n") for event_id in unknown * 20]
        for number in range(1, 41):
            await channel.publish(number)
        async with asyncio.timeout(20):
            await asyncio.gather(*(reader.request for reader in [*honest, *hostile]))
    events = [[line for line in reader.body.splitlines() if line.startswith(b"data: ")] for reader in honest]
    assert events == [[b"data: %d" % number for number in range(1, 41)]] * len(honest)
    assert {reader.status for reader in hostile} <= {200, 400}
    assert channel.statistics().subscribers == 0


@pytest.mark.parametrize("event_id", [b"\xff\xfe", b"1-1\xff", "Zürich".encode("latin-1"), b"\xed\xa0\x80-1"])
async def test_an_id_that_is_not_utf_8_is_refused(event_id: bytes) -> None:
    async with MemoryStore() as store:
        app = Application(Feed(Channel(store, "ids", int)))
        async with app.lifespan():
            reader = Reader(app, event_id, b"}")
            async with asyncio.timeout(20):
                await reader.request
    assert reader.status == 400
