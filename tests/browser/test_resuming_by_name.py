"""Tests that the documentation page resumes a stream whose ids are not ASCII, and reads every name of NDJSON."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from msgspec import Struct
from playwright.sync_api import expect

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, ResumeHeaders, ServerSentEvent, SSEResponse
from jero.framing.json import NDJSON_NAMES
from tests.browser.docs_page import DocsPage
from tests.browser.serving import served
from tests.browser.watch import Chromium
from tests.programs import needs_program

pytestmark = needs_program("chromium")


class Step(Struct):
    after: str | None


async def steps(after: str | None) -> AsyncIterator[ServerSentEvent[Step]]:
    yield ServerSentEvent(data=Step(after), id="Zürich 🎬 1")
    await asyncio.get_running_loop().create_future()


class Steps(Endpoint, path="/steps"):
    async def get(self, headers: ResumeHeaders) -> SSEResponse[Step]:
        return SSEResponse(stream=steps(headers.last_event_id))


class Named(Struct):
    name: str


class Lines(Endpoint, path="/lines"):
    async def get(self, params: Named) -> NDJSONStreamingResponse[Step]:
        return NDJSONStreamingResponse(stream=[Step("a"), Step("b")], raw_headers={"Content-Type": params.name})


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(Steps())
        self._include_endpoint(Lines())
        self._include_openapi(title="Names", version="1")


@pytest.fixture
def docs(chromium: Chromium) -> Iterator[DocsPage]:
    with served(App()) as url, chromium.new_context() as context:
        yield DocsPage(context.new_page(), f"{url}/docs", chromium.watch)


def test_an_id_that_is_not_ascii_resumes_the_stream(docs: DocsPage) -> None:
    docs.open("get/steps")
    docs.start()
    expect(docs.rows.nth(0)).to_be_attached()
    docs.button("Stop").click()
    docs.ended("Stopped by you")
    docs.button("Resume").click()
    expect(docs.rows.nth(1)).to_be_attached()
    assert docs.data() == ['{"after":null}', '{"after":"Zürich 🎬 1"}']
    docs.button("Stop").click()
    docs.ended("Stopped by you")


def test_a_typed_id_is_sent_in_utf_8(docs: DocsPage) -> None:
    docs.open("get/steps")
    docs.field("Last-Event-ID").first.fill("ü")
    docs.start()
    expect(docs.rows.nth(0)).to_be_attached()
    assert docs.data() == ['{"after":"ü"}']
    docs.button("Stop").click()
    docs.ended("Stopped by you")


@pytest.mark.parametrize("name", [*NDJSON_NAMES, 'text/html;a="b,c", application/jsonl; charset=utf-8, */*'])
def test_every_name_of_ndjson_is_shown_line_by_line(docs: DocsPage, name: str) -> None:
    docs.open("get/lines")
    docs.field("name").first.fill(name)
    docs.start()
    docs.ended("Completed", "2 items")
    assert docs.data() == ['{"after":"a"}', '{"after":"b"}']
