"""Tests that the feed on the demo's page goes on after restarts of its server, in Chromium.

In test_demo_lost.py a process ends for good, and the page goes on with another one.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.model import DemoPage
from tests.browser.serving import PATIENCE
from tests.browser.watch import Chromium
from tests.channels.redis_server import running_redis
from tests.demo.running import demo_process
from tests.docs.program import Program
from tests.ports import free_port
from tests.programs import needs_program

pytestmark = needs_program("chromium", "redis-server")

# How requests fail while the server is stopped, and how a cut connection does.
GONE = r"net::ERR_\w+ GET /notifications", "503 GET /notifications"


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with running_redis(tmp_path) as server:
        yield server.url


@pytest.fixture
def demo(chromium: Chromium) -> Iterator[DemoPage]:
    chromium.watch.allow(*GONE)
    with chromium.new_context() as context:
        yield DemoPage(context.new_page(), f"http://127.0.0.1:{free_port()}", chromium.watch)


def started(demo: DemoPage, redis_url: str | None, life: ExitStack) -> Program:
    """Starts a process at the address of the page. `life`: its end kills it."""
    program, url = life.enter_context(demo_process(redis_url, port=int(demo.url.rpartition(":")[2])))
    assert url == demo.url
    return program


def post(url: str, text: str) -> None:
    httpx.post(f"{url}/notifications", json={"text": text}, timeout=PATIENCE, trust_env=False).raise_for_status()


def connection(demo: DemoPage) -> Locator:
    return demo.page.locator("#connection")


def test_the_feed_misses_nothing_while_its_server_is_stopped_and_while_it_is_killed(
    demo: DemoPage, redis_url: str
) -> None:
    posted: list[str] = []
    with demo_process(redis_url) as (_, other):

        def shows(text: str, url: str = demo.url) -> None:
            post(url, text)
            posted.append(text)
            expect(demo.page.locator("#notifications li").first).to_contain_text(text)

        with ExitStack() as life:
            program = started(demo, redis_url, life)
            demo.open()
            shows("before")
            program.terminate()
            program.status()
            expect(connection(demo)).to_have_text("Reconnecting")
            for number in range(3):
                post(other, f"while it is stopped {number}")
                posted.append(f"while it is stopped {number}")
        with ExitStack() as life:
            started(demo, redis_url, life)
            expect(connection(demo)).to_have_text("Connected")
            shows("between")
            life.close()
            expect(connection(demo)).to_have_text("Reconnecting")
            post(other, "while it is killed")
            posted.append("while it is killed")
            started(demo, redis_url, life)
            expect(connection(demo)).to_have_text("Connected")
            shows("after")
            texts = demo.page.locator("#notifications li").evaluate_all("rows => rows.map(row => row.lastChild.data)")
    assert texts == posted[::-1]


def test_the_feed_of_a_server_without_a_redis_tells_of_the_gap(demo: DemoPage) -> None:
    with ExitStack() as life:
        started(demo, None, life)
        demo.open()
        expect(demo.page.get_by_label("Processes").get_by_role("listitem")).to_have_count(1)
        life.close()
        expect(connection(demo)).to_have_text("Reconnecting")
        started(demo, None, life)
        expect(connection(demo)).to_have_text("Connected")
        expect(demo.page.locator("[data-kind=gap]")).to_contain_text("Some are missing: they are not kept any more.")
        post(demo.url, "after")
        expect(demo.page.locator("#notifications li").first).to_contain_text("after")
