"""Tests reading the documentation page, and sending requests with it."""

import shlex
import subprocess

import msgspec
import pytest
from playwright.sync_api import expect

from tests.browser.docs_page import DocsPage
from tests.browser.feeds import TOKEN, App, Line, Order
from tests.programs import needs_program

pytestmark = needs_program("chromium")

OPERATIONS = [
    *(f"GET /{name}" for name in ("gated", "lines", "array", "text", "fast", "events", "ticks", "cut", "failing")),
    *(
        "GET /negotiated",
        "POST /pipeline",
        "GET /movies/{movie_id}",
        "POST /orders",
        "DELETE /nothing",
        "POST /signups",
        "POST /uploads",
        "GET /me",
        "GET /mine",
    ),
]


def listed(docs: DocsPage) -> list[str]:
    links = docs.page.locator("#list li:visible a")
    return [" ".join(text.split()[:2]) for text in links.all_inner_texts()]


def test_all_operations_are_listed_by_tag(docs: DocsPage) -> None:
    docs.open(heading="Movies & <more>")
    assert listed(docs) == OPERATIONS
    tags = docs.page.locator("#list h2").all_inner_texts()
    assert tags == ["streams", "broken streams", "negotiated", "movies", "orders", "Operations"]
    expect(docs.page).to_have_title("Movies & <more>")
    expect(docs.page.locator("#version")).to_have_text("1.2.3")
    expect(docs.page.locator("#list a.deprecated")).to_contain_text("/movies/{movie_id}")


def test_the_filter_narrows_the_list_and_the_keyboard_opens_an_operation(docs: DocsPage) -> None:
    docs.open(heading="Movies")
    docs.page.keyboard.press("/")
    docs.page.keyboard.type("post PLACES")
    assert listed(docs) == ["POST /pipeline", "POST /orders"]
    docs.page.keyboard.press("Control+A")
    docs.page.keyboard.type("post nowhere")
    assert listed(docs) == []
    docs.page.keyboard.press("Control+A")
    docs.page.keyboard.type("post PLACES")
    docs.page.keyboard.press("ArrowDown")
    docs.page.keyboard.press("ArrowDown")
    docs.page.keyboard.press("Enter")
    docs.heading("/orders")
    expect(docs.page).to_have_url(f"{docs.address}#post/orders")
    expect(docs.page.locator("#list a[aria-current=page]")).to_contain_text("/orders")
    docs.page.get_by_role("searchbox").fill("nowhere")
    expect(docs.page.get_by_text("No operation matches.")).to_be_visible()


def test_an_operation_has_its_own_address(docs: DocsPage) -> None:
    docs.open("get/lines")
    prose = docs.page.locator(".title .prose")
    expect(docs.page.locator(".title .summary")).to_have_text("Movies, one a line")
    expect(prose.locator("strong")).to_have_text("as they are found")
    expect(prose.locator("code")).to_have_text("jq")
    expect(prose.locator("pre")).to_have_text("curl -N localhost:8000/lines | jq .title")
    docs.open("get/array")
    docs.page.go_back()
    docs.heading("/lines")


def test_the_reference_shows_the_schemas(docs: DocsPage) -> None:
    docs.open("post/orders")
    reference = docs.page.locator(".reference")
    expect(reference).to_contain_text("customer string required")
    reference.get_by_text("array of Line").click()
    expect(reference).to_contain_text("quantity integer required")
    statuses = reference.locator(".response > summary strong").all_inner_texts()
    assert {"201", "400", "409", "413", "415", "422"} <= set(statuses)
    docs.open("get/events")
    docs.page.locator(".reference").get_by_text("Movie as JSON").click()
    expect(docs.page.locator(".reference")).to_contain_text("seconds number")


def test_a_body_begins_as_a_valid_sample(docs: DocsPage) -> None:
    docs.open("post/orders")
    sample = docs.page.locator("textarea.body").input_value()
    assert msgspec.json.decode(sample, type=Order, strict=True).lines == [Line("text", 0)]
    docs.start()
    expect(docs.answer).to_contain_text("201 Created")
    shown = msgspec.json.decode(docs.answer.locator("pre.json").inner_text())
    assert shown == {"number": 1, "order": msgspec.json.decode(sample)}
    docs.answer.get_by_text("4 headers").click()
    expect(docs.answer.locator(".headers")).to_contain_text("application/json")


def test_a_problem_is_shown(docs: DocsPage) -> None:
    docs.watch.allow("(422|409) POST /orders")
    docs.open("post/orders")
    docs.page.locator("textarea.body").fill('{"customer": 1, "lines": []}')
    docs.page.keyboard.press("Control+Enter")
    problem = docs.answer.locator(".problem")
    expect(problem).to_contain_text("Unprocessable content unprocessable-content")
    expect(problem.locator("li")).to_have_text("json.customer Expected str, got int")
    docs.page.locator("textarea.body").fill('{"customer": "nobody", "lines": []}')
    docs.start()
    expect(docs.answer).to_contain_text("409 Conflict")
    expect(problem).to_contain_text("The last one is gone.")


def test_a_slot_is_required_and_filled_in(docs: DocsPage) -> None:
    docs.watch.allow("404 GET /movies/7%2F7")
    docs.open("get/movies/{movie_id}")
    docs.start()
    expect(docs.page.get_by_role("alert")).to_have_text("movie_id has no value.")
    expect(docs.field("movie_id")).to_be_focused()
    docs.field("movie_id").fill("7/7")
    docs.start()
    expect(docs.answer).to_contain_text("404 Not Found")
    docs.field("movie_id").fill("7")
    docs.start()
    expect(docs.answer.locator("pre.json")).to_contain_text('"<b>First</b>"')
    assert docs.answer.locator("b").count() == 0


def test_a_credential_is_sent_and_forgotten(docs: DocsPage) -> None:
    docs.watch.allow("401 GET /me")
    docs.open("get/me")
    docs.start()
    expect(docs.answer).to_contain_text("401 Unauthorized")
    docs.field("bearer token").fill(TOKEN)
    docs.start()
    expect(docs.answer.locator("pre.json")).to_contain_text('"Ada"')
    docs.open("get/mine")
    assert docs.field("bearer token").input_value() == TOKEN
    docs.start()
    expect(docs.answer.locator("pre.json")).to_contain_text('"Ada"')
    assert docs.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    docs.page.reload()
    assert docs.field("bearer token").input_value() == ""


def test_a_response_without_a_body_is_shown(docs: DocsPage) -> None:
    docs.open("delete/nothing")
    docs.start()
    expect(docs.answer).to_contain_text("204 No Content")
    expect(docs.answer).to_contain_text("No body.")


@pytest.mark.needs_program("curl")
def test_the_curl_command_sends_the_same_request(docs: DocsPage) -> None:
    docs.open("post/orders")
    docs.page.locator("textarea.body").fill('{"customer": "O\'Hara", "lines": []}')
    docs.page.get_by_placeholder("Name: value").fill("X-One: 1\nX-Two: it's two")
    command = docs.page.locator(".curl pre").inner_text()
    assert shlex.split(command)[0] == "curl"
    assert "X-Two: it's two" in shlex.split(command)
    docs.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    docs.button("Copy").click()
    expect(docs.button("Copied")).to_be_visible()
    assert docs.page.evaluate("navigator.clipboard.readText()") == command
    run = subprocess.run(["sh", "-c", f"{command} -s --noproxy '*'"], capture_output=True, check=True, timeout=20)
    assert msgspec.json.decode(run.stdout)["order"]["customer"] == "O'Hara"


def test_a_phone_shows_the_page_without_scrolling_sideways(docs: DocsPage, app: App) -> None:
    docs.page.set_viewport_size({"width": 360, "height": 740})
    docs.open("get/events")
    docs.start()
    docs.ended("Completed")
    assert docs.page.evaluate("document.documentElement.scrollWidth") == 360
    menu = docs.button("Operations")
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(docs.page.get_by_role("searchbox")).to_be_hidden()
    menu.click()
    docs.page.get_by_role("link", name="/cut").click()
    docs.heading("/cut")
    expect(menu).to_have_attribute("aria-expanded", "false")
    app.outcomes.get(timeout=20)


def test_a_violation_of_the_policy_is_collected(docs: DocsPage) -> None:
    docs.open(heading="Movies")
    docs.page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", resolve, { once: true });
            document.body.append(Object.assign(document.createElement("script"), { textContent: "window.ran = true" }));
        }).then(() => null)"""
    )
    assert docs.page.evaluate("window.ran ?? false") is False
    assert [fault for fault in docs.watch.faults() if "script-src-elem blocks inline" in fault]
    docs.watch.forget()
