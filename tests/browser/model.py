"""A model that says what a test tells it, word by word, and the demo's page in front of it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from threading import Event
from typing import Any

from playwright.sync_api import Locator, Page, expect

from demo_app.settings import Service
from jero import BaseApp, Endpoint, EventStreamResponse, ServerSentEvent, StreamPolicy, TooManyRequests
from tests.browser.serving import PATIENCE
from tests.browser.watch import Watch

DONE = ServerSentEvent(data="[DONE]")


class Model(BaseApp):
    """Answers each request with the words that come, in order.

    `url`: where it is served. `questions`: those that it was asked. `left` is set when a client has left before the end
    of its answer.
    """

    def __init__(self) -> None:
        super().__init__(stream_policy=StreamPolicy(first_item_grace=PATIENCE))
        self.url = ""
        self.left = Event()
        self.questions: list[str] = []

    async def _wire(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._words: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self._include_endpoint(Completions(self))

    def say(self, *words: str) -> None:
        """Sends these words in the answer that is open, or the next one."""
        for word in words:
            self._put(word)

    def finish(self) -> None:
        """Completes the answer."""
        self._put(None)

    def refuse(self) -> None:
        """Refuses the next request for now."""
        self._put(TooManyRequests("Not now."))

    async def words(self) -> AsyncGenerator[str, None]:
        """Yields the words of one answer."""
        is_over = False
        try:
            while (word := await self._words.get()) is not None:
                if isinstance(word, Exception):
                    is_over = True
                    raise word
                yield word
            is_over = True
        finally:
            if not is_over:
                self.left.set()

    def _put(self, word: str | Exception | None) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._words.put_nowait, word)


class Completions(Endpoint, path="/v1/chat/completions"):
    """The part of OpenAI's API that the demo uses for questions."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def post(self, json: dict[str, Any]) -> EventStreamResponse[Any]:
        self._model.questions.append(json["messages"][-1]["content"])
        return EventStreamResponse(stream=self._chunks(), last=DONE)

    async def _chunks(self) -> AsyncGenerator[Any, None]:
        async for word in self._model.words():
            yield {"choices": [{"index": 0, "delta": {"content": word}}]}
        yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def service_at(url: str) -> Service:
    """Returns a model that is served at `url`, as the demo's service."""
    return Service(f"{url}/v1", "m", "a key")


class DemoPage:
    """The demo's page, shown by Chromium."""

    def __init__(self, page: Page, url: str, watch: Watch) -> None:
        self.page = page
        self.url = url
        self.watch = watch

    def open(self, fragment: str = "") -> None:
        self.page.goto(f"{self.url}/{fragment}")
        expect(self.page.locator("#connection")).to_have_text("Connected")

    def ask(self, question: str) -> None:
        self.field.fill(question)
        self.field.press("Enter")

    def post(self, message: str) -> None:
        self.page.get_by_label("A message to all").fill(message)
        self.page.get_by_role("button", name="Post").click()

    @property
    def field(self) -> Locator:
        return self.page.get_by_label("Your question")

    @property
    def stop(self) -> Locator:
        return self.page.get_by_role("button", name="Stop")

    def shows(self, text: str) -> None:
        """Waits until the answer is exactly this text."""
        # `to_have_text` would take any white space for one space.
        locator = self.page.locator("#text")
        expect(locator).to_contain_text(text.strip(), use_inner_text=False)
        assert locator.text_content() == text

    def state(self, text: str) -> None:
        """Waits until the state of the answer is this text."""
        expect(self.page.locator("#state")).to_have_text(text)
