"""Tests that the demo's page is told when an answer is lost with its process, and goes on with another process."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from playwright.sync_api import expect

from tests.browser.model import DemoPage, Model, service_at
from tests.browser.serving import PATIENCE, served
from tests.browser.watch import Chromium
from tests.channels.proxy import Proxy
from tests.channels.redis_server import running_redis
from tests.demo.running import demo_process
from tests.programs import needs_program

pytestmark = needs_program("chromium", "redis-server")


@dataclass
class Workers:
    """Two demos on one Redis, and an address that leads to the first of them. `life`: its end kills the first."""

    model: Model
    other: str
    address: str
    life: ExitStack
    _proxy: Proxy
    _portal: BlockingPortal

    def lead_to_the_other(self) -> None:
        self._portal.call(self._proxy.lead_to, urlsplit(self.other).port or 0)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    model = Model()
    with ExitStack() as stack:
        redis_url = stack.enter_context(running_redis(tmp_path)).url
        service = service_at(stack.enter_context(served(model)))
        _, other = stack.enter_context(demo_process(redis_url, service=service))
        life = stack.enter_context(ExitStack())
        _, first = life.enter_context(demo_process(redis_url, service=service))
        portal = stack.enter_context(start_blocking_portal())
        proxy = stack.enter_context(portal.wrap_async_context_manager(Proxy(urlsplit(first).port or 0)))
        address = f"http://{urlsplit(proxy.url).netloc}"
        yield Workers(model, other, address, life, proxy, portal)


def post(url: str, text: str) -> None:
    httpx.post(f"{url}/notifications", json={"text": text}, timeout=PATIENCE, trust_env=False).raise_for_status()


def test_an_answer_whose_process_is_killed_is_told_as_lost(chromium: Chromium, workers: Workers) -> None:
    with chromium.new_context() as context:
        demo = DemoPage(context.new_page(), workers.address, chromium.watch)
        chromium.watch.allow(r"net::ERR_\w+ GET /(questions/.+|notifications)")
        demo.open()
        demo.ask("Say it.")
        workers.model.say("Half an ")
        demo.shows("Half an ")
        # A heartbeat has an id, by which the feed resumes.
        expect(demo.page.get_by_label("Processes").get_by_role("listitem")).not_to_have_count(0)
        workers.life.close()
        post(workers.other, "while the page is away")
        demo.state("The connection is lost. Reconnecting")
        expect(demo.page.locator("#connection")).to_have_text("Reconnecting")
        workers.lead_to_the_other()
        demo.state("Lost: the process that asked the model has died.")
        demo.shows("Half an ")
        expect(demo.page.locator("#connection")).to_have_text("Connected")
        expect(demo.page.locator("#notifications li")).to_contain_text("while the page is away")
        demo.page.reload()
        demo.state("Lost: the process that asked the model has died.")
        demo.shows("Half an ")
        demo.ask("Say it again.")
        workers.model.say("A whole answer.")
        workers.model.finish()
        demo.state("Complete.")
        demo.shows("A whole answer.")
