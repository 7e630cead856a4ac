"""Tests server-sent events with Chromium's `EventSource` (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator, Iterator
from queue import SimpleQueue
from typing import ClassVar

import msgspec
import pytest
from playwright.sync_api import Page

from jero import BaseApp, Endpoint, NoContent, ResumeHeaders, ServerSentEvent, SSEResponse, TextResponse
from tests.browser.serving import served
from tests.browser.watch import Chromium
from tests.programs import needs_program

pytestmark = needs_program("chromium")

PAGE = '<!doctype html><title>Listens</title><link rel="icon" href="data:,">'
LAST = 6
A_CONNECTION = 3
# Listens until the browser stops reconnecting. Then resolves with the received events.
LISTEN = """
    (path) => new Promise((resolve) => {
        const source = new EventSource(path);
        const seen = [];
        const keep = (event) => seen.push({ type: event.type, id: event.lastEventId, data: event.data });
        let opened = 0;
        source.addEventListener("open", () => opened++);
        source.addEventListener("number", keep);
        source.addEventListener("message", keep);
        source.addEventListener("error", () => {
            if (source.readyState === EventSource.CLOSED) resolve({ seen, opened });
        });
    })
"""


class Number(msgspec.Struct, frozen=True):
    value: int
    words: str = "one\u2028line"


class Seen(msgspec.Struct):
    type: str
    id: str
    data: str


class Received(msgspec.Struct):
    seen: list[Seen]
    opened: int


async def numbers(after: int) -> AsyncIterator[ServerSentEvent[Number]]:
    """Yields three events for each connection. Every second event has a type of its own."""
    yield ServerSentEvent(comment="welcome back" if after else "welcome", retry=10)
    for value in range(after + 1, after + A_CONNECTION + 1):
        event = "number" if value % 2 else None
        yield ServerSentEvent(data=Number(value), event=event, id=str(value))


class Listener(Endpoint, path="/"):
    """The page that opens the `EventSource`."""

    async def get(self) -> TextResponse:
        return TextResponse(content=PAGE, raw_headers={"Content-Type": "text/html"})


class Resumed(Endpoint):
    """Records the `Last-Event-ID` of each connection."""

    asked: ClassVar[SimpleQueue[str | None]] = SimpleQueue()

    def position(self, headers: ResumeHeaders) -> int:
        self.asked.put(headers.last_event_id)
        return int(headers.last_event_id or 0)


class Events(Resumed, path="/events"):
    async def get(self, headers: ResumeHeaders) -> SSEResponse[Number] | NoContent:
        after = self.position(headers)
        return NoContent() if after >= LAST else SSEResponse(stream=numbers(after))


class Negotiated(Resumed, path="/negotiated"):
    async def get(self, headers: ResumeHeaders) -> AsyncIterator[ServerSentEvent[Number]] | NoContent:
        after = self.position(headers)
        return NoContent() if after >= LAST else numbers(after)


class App(BaseApp):
    async def _wire(self) -> None:
        for endpoint in (Listener(), Events(), Negotiated(), Named()):
            self._include_endpoint(endpoint)


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Page]:
    with served(App()) as url, chromium.new_context() as context:
        page = context.new_page()
        page.goto(url)
        yield page


@pytest.mark.parametrize("path", ["/events", "/negotiated"])
def test_event_source_receives_reconnects_and_stops(page: Page, path: str) -> None:
    received = msgspec.convert(page.evaluate(LISTEN, path), Received)
    assert [Resumed.asked.get_nowait() for _ in range(Resumed.asked.qsize())] == [None, "3", "6"]
    assert received.opened == 2
    assert [event.id for event in received.seen] == ["1", "2", "3", "4", "5", "6"]
    assert [event.type for event in received.seen] == ["number", "message"] * 3
    assert [msgspec.json.decode(event.data, type=Number) for event in received.seen] == [
        Number(value) for value in range(1, LAST + 1)
    ]


NAMES = ("Zürich-1", "à", "🎬 b", "\x85")


class Named(Endpoint, path="/named"):
    """Sends one event a connection, with an id in UTF-8, and records the `Last-Event-ID` of each."""

    asked: ClassVar[SimpleQueue[str | None]] = SimpleQueue()

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Number] | NoContent:
        after = headers.last_event_id
        self.asked.put(after)
        number = 0 if after is None else NAMES.index(after) + 1
        if number == len(NAMES):
            return NoContent()
        return SSEResponse(stream=[ServerSentEvent(data=Number(number), id=NAMES[number], retry=10)])


def test_ids_in_utf_8_come_back_unchanged(page: Page) -> None:
    received = msgspec.convert(page.evaluate(LISTEN, "/named"), Received)
    assert [Named.asked.get_nowait() for _ in range(Named.asked.qsize())] == [None, *NAMES]
    assert [event.id for event in received.seen] == list(NAMES)
