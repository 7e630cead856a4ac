"""Tests that axe-core finds no fault in the documentation page, in each of its states."""

from playwright.sync_api import expect

from tests.browser.axe import faults_in_each_view, needs_axe
from tests.browser.docs_page import DocsPage
from tests.browser.feeds import App
from tests.browser.serving import PATIENCE
from tests.browser.watch import CUT

pytestmark = needs_axe


def test_the_overview(docs: DocsPage) -> None:
    docs.open(heading="Movies")
    assert faults_in_each_view(docs.page, "docs-overview") == []


def test_an_operation_and_a_problem(docs: DocsPage) -> None:
    docs.watch.allow("422 POST /orders")
    docs.open("post/orders")
    docs.page.locator(".reference").get_by_text("array of Line").click()
    docs.page.locator("textarea.body").fill('{"customer": 1, "lines": []}')
    docs.start()
    expect(docs.answer.locator(".problem")).to_contain_text("Unprocessable content")
    assert faults_in_each_view(docs.page, "docs-problem") == []


def test_a_missing_value(docs: DocsPage) -> None:
    docs.open("get/movies/{movie_id}")
    docs.start()
    expect(docs.page.get_by_role("alert")).to_have_text("movie_id has no value.")
    assert faults_in_each_view(docs.page, "docs-missing") == []


def test_a_stream_that_comes_and_is_cut(docs: DocsPage, app: App) -> None:
    docs.watch.allow(f"{CUT} GET /cut")
    docs.open("get/cut")
    docs.start()
    app.gate.put("whole")
    expect(docs.rows).to_have_count(1)
    assert faults_in_each_view(docs.page, "docs-stream") == []
    app.gate.put(RuntimeError("the source broke"))
    docs.ended("Cut")
    app.outcomes.get(timeout=PATIENCE)
    assert faults_in_each_view(docs.page, "docs-cut") == []


def test_a_stream_that_is_complete(docs: DocsPage, app: App) -> None:
    docs.open("get/lines")
    docs.start()
    docs.ended("Completed")
    app.outcomes.get(timeout=PATIENCE)
    assert faults_in_each_view(docs.page, "docs-complete") == []
