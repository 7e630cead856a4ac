"""Provides `docs`, the documentation page in Chromium. A test fails if the page causes an error."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.docs_page import DocsPage, Watch
from tests.browser.feeds import App
from tests.browser.serving import PATIENCE, served

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def app() -> App:
    return App()


@pytest.fixture(scope="module")
def url(app: App) -> Iterator[str]:
    with served(app) as url:
        yield url


@pytest.fixture
def docs(chromium: Browser, url: str) -> Iterator[DocsPage]:
    with chromium.new_context() as context:
        watch = Watch(context, url)
        yield DocsPage(context.new_page(), f"{url}/docs", watch)
        assert not watch.faults()
