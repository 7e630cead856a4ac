"""Provides Chromium, and in it `docs`, the documentation page, and `demo`, the demo's page.

A test fails if a page causes an error.
"""

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from demo_app.app import App as Demo
from demo_app.settings import Settings
from tests.browser.docs_page import DocsPage
from tests.browser.feeds import App
from tests.browser.model import DemoPage, Model, service_at
from tests.browser.serving import PATIENCE, served
from tests.browser.watch import Chromium

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def launched(playwright: Playwright) -> Generator[Browser, None, None]:
    """Starts Chromium."""
    expect.set_options(timeout=PATIENCE * 1000)
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser


@pytest.fixture
def chromium(browser: Browser) -> Iterator[Chromium]:
    """Yields what opens pages. The test fails if one of them had an error or a failed request that is not allowed."""
    chromium = Chromium(browser)
    yield chromium
    assert not chromium.watch.faults()


@pytest.fixture(scope="module")
def app() -> App:
    return App()


@pytest.fixture(scope="module")
def url(app: App) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def docs(chromium: Chromium, url: str) -> Iterator[DocsPage]:
    with chromium.new_context() as context:
        yield DocsPage(context.new_page(), f"{url}/docs", chromium.watch)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    """Yields a model that says what the test tells it."""
    model = Model()
    with served(model) as url:
        model.url = url
        yield model


@pytest.fixture(scope="module")
def demo_url(model: Model) -> Iterator[str]:
    with served(Demo(Settings(service_at(model.url), heartbeat=0.2))) as url:
        yield url


@pytest.fixture
def demo(chromium: Chromium, demo_url: str) -> Iterator[DemoPage]:
    with chromium.new_context() as context:
        yield DemoPage(context.new_page(), demo_url, chromium.watch)
