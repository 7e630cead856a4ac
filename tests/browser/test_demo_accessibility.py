"""Tests that axe-core finds no fault in the demo's page, in each of its states."""

from playwright.sync_api import expect

from tests.browser.axe import faults_in_each_view, needs_axe
from tests.browser.model import DemoPage, Model
from tests.browser.watch import CUT

pytestmark = needs_axe

ANSWER = (
    "If a client leaves, ",
    "jero notices. ",
    "It closes what the stream opened.\n\n",
    "- `Runs` go on:\n",
    "- they have a store, ",
    "and a client ",
    "may come ",
)
LOST = 'data: {"text":"Half an "}\nid: 0-1\n\nevent: end\nid: 0-2\ndata: {"outcome":"lost"}\n\n'


def test_before_a_question(demo: DemoPage) -> None:
    demo.open()
    expect(demo.page.get_by_label("Processes").get_by_role("listitem")).to_have_count(1)
    assert faults_in_each_view(demo.page, "empty") == []


def test_while_an_answer_comes(demo: DemoPage, model: Model) -> None:
    demo.open()
    demo.ask("What happens when the client leaves?\nAnd when it comes back?")
    for word in ANSWER:
        model.say(word)
        expect(demo.page.locator("#bytes")).to_contain_text(word.strip())
    demo.shows("".join(ANSWER))
    assert faults_in_each_view(demo.page, "answering") == []
    model.finish()
    demo.state("Complete.")


def test_when_it_is_complete(demo: DemoPage, model: Model) -> None:
    demo.open()
    demo.ask("w" * 200)
    model.say(*ANSWER, "a" * 200)
    model.finish()
    demo.state("Complete.")
    for _ in range(4):
        demo.post("The parcel is here. " * 10)
        expect(demo.page.get_by_label("A message to all")).to_have_value("")
    expect(demo.page.locator("#notifications li")).to_have_count(5)
    assert demo.page.locator(".notifications").evaluate("log => log.scrollHeight > log.clientHeight")
    assert faults_in_each_view(demo.page, "complete") == []


def test_when_it_is_stopped(demo: DemoPage, model: Model) -> None:
    demo.watch.allow(f"{CUT} GET /questions/.+")
    demo.open()
    demo.ask("Say it.")
    model.say(*ANSWER)
    demo.shows("".join(ANSWER))
    demo.stop.click()
    demo.state("Stopped.")
    assert faults_in_each_view(demo.page, "stopped") == []


def test_when_it_has_failed(demo: DemoPage, model: Model) -> None:
    demo.watch.allow("429 GET /questions/.+")
    demo.open()
    model.refuse()
    demo.ask("Who is there?")
    demo.state("Failed: The upstream accepts no more requests for now.")
    assert faults_in_each_view(demo.page, "failed") == []


def test_when_it_is_lost_and_the_server_is_gone(demo: DemoPage) -> None:
    demo.watch.allow("net::ERR_FAILED (GET|POST) /notifications")
    demo.page.route("**/notifications", lambda route: route.abort())
    demo.page.route("**/questions/*", lambda route: route.fulfill(content_type="text/event-stream", body=LOST))
    demo.page.goto(f"{demo.url}/#AAAA")
    demo.state("Lost: the process that asked the model has died.")
    expect(demo.page.locator("#connection")).to_have_text("Reconnecting")
    demo.post("Is anybody there?")
    expect(demo.page.get_by_role("alert")).to_have_text("The server is not reached.")
    assert faults_in_each_view(demo.page, "lost") == []


def test_a_field_without_a_label_and_a_faint_text_are_found(demo: DemoPage) -> None:
    demo.open()
    demo.page.evaluate("document.querySelector('label[for=question]').remove()")
    demo.page.evaluate("document.documentElement.style.setProperty('--quiet', '#888')")
    faults = {" ".join(fault.split()[:3]) for fault in faults_in_each_view(demo.page, "broken")}
    for size in ("wide", "narrow"):
        assert {f"broken-light-{size} critical label", f"broken-light-{size} serious color-contrast"} <= faults
