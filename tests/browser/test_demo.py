"""Tests Chromium's `EventSource` on the demo's notifications, across a restart. test_demo_lost.py kills the demo."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.serving import PATIENCE
from tests.channels.redis_server import running_redis
from tests.demo.running import demo_process
from tests.ports import free_port
from tests.programs import needs_program

pytestmark = needs_program("chromium", "redis-server")

# Keeps the ids of all messages, and resolves when the source has opened.
LISTEN = """
    () => new Promise((resolve) => {
        window.seen = [];
        window.opened = 0;
        const source = new EventSource("/notifications");
        source.addEventListener("message", (event) => window.seen.push(event.lastEventId));
        source.addEventListener("open", () => {
            window.opened++;
            resolve();
        });
    })
"""


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with running_redis(tmp_path) as server:
        yield server.url


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context() as context:
        yield context.new_page()


def post(url: str, text: str) -> str:
    event_id: str = httpx.post(f"{url}/notifications", json={"text": text}, timeout=PATIENCE).json()["id"]
    return event_id


def test_event_source_resumes_after_a_restart(page: Page, redis_url: str) -> None:
    port = free_port()
    with demo_process(redis_url) as (_, other):
        with ExitStack() as life:
            program, url = life.enter_context(demo_process(redis_url, port=port))
            page.goto(f"{url}/health")  # of the same origin
            page.evaluate(LISTEN)
            posted = [post(url, "before") for _ in range(3)]
            page.wait_for_function("window.seen.length >= 3", timeout=PATIENCE * 1_000)
            program.terminate()
            program.status()
        posted += [post(other, "while it is away") for _ in range(3)]
        with demo_process(redis_url, port=port):
            page.wait_for_function("window.opened >= 2", timeout=PATIENCE * 1_000)
            posted.append(post(other, "after"))
            page.wait_for_function("(last) => window.seen.includes(last)", arg=posted[-1], timeout=PATIENCE * 1_000)
            assert page.evaluate("window.seen") == posted
