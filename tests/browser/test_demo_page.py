"""Tests the demo's page: an answer that is asked, watched, reloaded and stopped, and the notifications beside it."""

from contextlib import ExitStack

import pytest
from playwright.sync_api import Route, expect

from tests.browser.model import DemoPage, Model
from tests.browser.serving import PATIENCE
from tests.browser.watch import CUT, Chromium, Scheme
from tests.programs import needs_program

pytestmark = needs_program("chromium")


def test_an_answer_comes_word_by_word(demo: DemoPage, model: Model) -> None:
    demo.open()
    demo.ask("What is  a\nstream?")
    model.say("A stream ")
    demo.shows("A stream ")
    demo.state("Answering")
    model.say("is a response. ", "Its body\n\n", "<b>grows</b>")
    model.finish()
    demo.state("Complete.")
    demo.shows("A stream is a response. Its body\n\n<b>grows</b>")
    assert model.questions[-1] == "What is  a\nstream?"
    expect(demo.page.locator("#asked")).to_have_text("What is a stream?")
    expect(demo.page.locator("#notifications li").first).to_contain_text("An answer completed after 4 chunks")
    expect(demo.stop).to_be_disabled()


def test_a_page_that_is_reloaded_in_mid_answer_goes_on_from_the_right_word(demo: DemoPage, model: Model) -> None:
    words = [f"word {number}, " for number in range(60)]
    asked = len(model.questions)
    demo.open()
    demo.ask("Count.")
    for at in range(0, 60, 20):
        model.say(*words[at : at + 10])
        demo.shows("".join(words[: at + 10]))
        demo.page.reload()
        model.say(*words[at + 10 : at + 20])
        demo.shows("".join(words[: at + 20]))
    other = DemoPage(demo.page.context.new_page(), demo.url, demo.watch)
    other.page.goto(demo.page.url)
    model.finish()
    for page in (demo, other):
        page.state("Complete.")
        page.shows("".join(words))
        page.page.reload()
        page.state("Complete.")
        page.shows("".join(words))
    expect(demo.page.locator("#asked")).to_have_text("Count.")
    assert len(model.questions) == asked + 1


def test_a_question_is_asked_once_although_its_request_fails(demo: DemoPage, model: Model) -> None:
    asked, keys, refused = len(model.questions), set[str | None](), list[Route]()

    def refuse_twice(route: Route) -> None:
        keys.add(route.request.header_value("Idempotency-Key"))
        if len(refused) < 2:
            refused.append(route)
            route.abort()
        else:
            route.continue_()

    demo.watch.allow("net::ERR_FAILED POST /questions")
    demo.open()
    demo.page.route("**/questions", refuse_twice)
    demo.ask("Who is there?")
    demo.state("The server is not reached. Trying again")
    demo.page.reload()
    model.say("Nobody.")
    demo.shows("Nobody.")
    model.finish()
    demo.state("Complete.")
    assert (len(keys), len(model.questions)) == (1, asked + 1)


def test_stop_ends_the_request_to_the_model(demo: DemoPage, model: Model) -> None:
    demo.watch.allow(f"{CUT} GET /questions/.+")
    model.left.clear()
    demo.open()
    demo.ask("Say it.")
    model.say("A word. ", "Half a")
    demo.shows("A word. Half a")
    demo.stop.focus()
    demo.page.keyboard.press("Enter")
    demo.state("Stopped.")
    assert model.left.wait(PATIENCE)
    demo.shows("A word. Half a")
    expect(demo.field).to_be_focused()
    expect(demo.page.locator("#received")).to_contain_text("The response was cut short.")


def test_back_shows_the_answer_before(demo: DemoPage, model: Model) -> None:
    demo.open()
    for word in ("one", "two"):
        demo.ask(f"Say {word}.")
        model.say(word)
        model.finish()
        demo.state("Complete.")
        demo.shows(word)
    demo.page.go_back()
    demo.shows("one")
    expect(demo.field).to_have_value("Say one.")


def test_a_failed_answer_is_told(demo: DemoPage, model: Model) -> None:
    demo.watch.allow("429 GET /questions/.+")
    demo.open()
    model.refuse()
    demo.ask("Who is there?")
    demo.state("Failed: The upstream accepts no more requests for now.")


def test_a_question_of_white_space_is_not_asked(demo: DemoPage) -> None:
    demo.open()
    demo.ask(" ")
    demo.state("No question yet.")
    assert demo.page.evaluate("history.state") is None


def test_an_answer_that_is_not_kept_is_told(demo: DemoPage) -> None:
    demo.watch.allow("404 (GET|HEAD) /questions/A+")
    demo.open("#AAAAAAAAAAAAAAAAAAAAAA")
    demo.state("This answer is not kept any more.")


@pytest.mark.parametrize(
    ("format_", "bytes_"),
    [
        ("NDJSON", '{"text":"one "}\n{"text":"two"}\n'),
        ("Events", 'id: 0-1\ndata: {"text":"one "}\n\nid: 0-2\ndata: {"text":"two"}\n\nevent: end\nid: 0-3\n'),
        ("Array", '[{"text":"one "},{"text":"two"}]'),
    ],
)
def test_the_bytes_are_shown_in_each_format(demo: DemoPage, model: Model, format_: str, bytes_: str) -> None:
    demo.open()
    demo.page.get_by_label("Format").select_option(format_)
    demo.ask("Count.")
    model.say("one ")
    demo.shows("one ")
    model.say("two")
    model.finish()
    expect(demo.page.locator("#received")).to_contain_text("The response is complete.")
    text = demo.page.get_by_label("The bytes of the answer").text_content()
    assert text is not None
    assert text.startswith(bytes_)


def test_a_message_reaches_all_pages(demo: DemoPage) -> None:
    with ExitStack() as stack:
        pages = [demo, DemoPage(demo.page.context.new_page(), demo.url, demo.watch)]
        for page in pages:
            page.open()
            stack.callback(page.page.close)
        demo.post("<i>The parcel</i>")
        for page in pages:
            expect(page.page.locator("#notifications li")).to_contain_text("<i>The parcel</i>")
        expect(demo.page.get_by_label("A message to all")).to_have_value("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_scrolling_sideways(
    chromium: Chromium, demo_url: str, model: Model, scheme: Scheme
) -> None:
    with chromium.new_context(color_scheme=scheme, viewport={"width": 360, "height": 740}) as context:
        demo = DemoPage(context.new_page(), demo_url, chromium.watch)
        demo.open()
        demo.ask("w" * 200)
        model.say("a" * 200)
        model.finish()
        demo.state("Complete.")
        demo.post("m" * 200)
        expect(demo.page.locator("#notifications li").first).to_contain_text("m" * 200)
        assert demo.page.evaluate("document.documentElement.scrollWidth") == 360
