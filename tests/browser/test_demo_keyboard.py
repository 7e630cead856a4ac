"""Tests that the demo's page is used without a mouse and without eyes: the keyboard, the focus, the live regions."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import TypedDict

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import SIZES
from tests.browser.model import DemoPage, Model
from tests.browser.serving import PATIENCE
from tests.browser.watch import CUT, Scheme
from tests.programs import needs_program

pytestmark = needs_program("chromium")

ORDER = ["The API, live", "question", "Ask", "stop", "format", "bytes", "Notifications", "message", "Post"]
WITHOUT_STOP = [name for name in ORDER if name != "stop"]
# Describes the element that has the focus. The ring is drawn outside of it, on what is behind.
FOCUSED = """
    () => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        const box = element.getBoundingClientRect();
        let behind = element.parentElement;
        while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
        return {
            name: element.id || (element.matches("a, button") ? element.textContent : element.ariaLabel),
            ring: `${style.outlineStyle} ${style.outlineWidth}`,
            colours: [style.outlineColor, getComputedStyle(behind).backgroundColor],
            inView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        };
    }
"""
# Keeps what is added to each live region, as a screen reader is told of it.
LISTEN = """
    () => {
        window.spoken = [];
        for (const region of document.querySelectorAll("[role=log], [role=status], [role=alert], [aria-live]")) {
            const name = region.ariaLabel || region.id;
            const keep = ({ type, target, addedNodes }) => {
                const nodes = type === "characterData" ? [target] : [...addedNodes];
                window.spoken.push(...nodes.map((node) => [name, node.textContent]));
            };
            const options = { childList: true, characterData: true, subtree: true };
            new MutationObserver((changes) => changes.forEach(keep)).observe(region, options);
        }
    }
"""
INTERRUPTING = "document.querySelectorAll('[role=alert]:not([hidden]), [aria-live=assertive]').length"
UNNAMED = """
    () => [...document.querySelectorAll("input, textarea, select, button, pre, section, [role=log]")]
        .filter((element) => !(element.labels?.length || element.textContent.trim() && element.matches("button")
            || element.ariaLabel || element.getAttribute("aria-labelledby"))).map((element) => element.outerHTML)
"""


class Focus(TypedDict):
    """The element that has the focus. `colours`: of its ring, and of what is behind it."""

    name: str
    ring: str
    colours: list[str]
    inView: bool


def walk(page: Page, key: str = "Tab") -> Iterator[Focus]:
    """Presses the key again and again. Yields what has the focus after each time."""
    while True:
        page.keyboard.press(key)
        focus: Focus = page.evaluate(FOCUSED)
        yield focus


def go_to(page: Page, name: str, key: str = "Tab") -> None:
    """Presses the key until the element of this name has the focus."""
    assert any(focus["name"] == name for focus in islice(walk(page, key), len(ORDER) + 1)), name


def luminance(colour: str) -> float:
    """Returns the relative luminance of a colour, as WCAG 2.2 defines it."""
    channels = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(", ")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tab_visits_everything_and_the_focus_is_seen(demo: DemoPage, scheme: Scheme, size: str) -> None:
    width, height = SIZES[size]
    demo.page.emulate_media(color_scheme=scheme)
    demo.page.set_viewport_size({"width": width, "height": height})
    demo.open()
    assert demo.page.evaluate(UNNAMED) == []
    visited = list(islice(walk(demo.page), len(WITHOUT_STOP)))
    assert [focus["name"] for focus in visited] == WITHOUT_STOP
    for focus in visited:
        assert focus["ring"] == "solid 2px", focus
        assert contrast(*focus["colours"]) >= 3, focus
        assert focus["inView"], focus
    back = list(islice(walk(demo.page, "Shift+Tab"), len(WITHOUT_STOP) - 1))
    assert [focus["name"] for focus in back] == WITHOUT_STOP[-2::-1]


def test_the_keyboard_alone_asks_stops_chooses_and_posts(demo: DemoPage, model: Model) -> None:
    demo.watch.allow(f"{CUT} GET /questions/.+")
    keyboard = demo.page.keyboard
    model.left.clear()
    demo.open()
    go_to(demo.page, "question")
    keyboard.press("Control+A")
    keyboard.type("One line")
    keyboard.press("Shift+Enter")
    keyboard.type("and two.")
    keyboard.press("Enter")
    model.say("Half an ")
    demo.shows("Half an ")
    assert model.questions[-1] == "One line\nand two."
    assert [focus["name"] for focus in islice(walk(demo.page), 2)] == ["Ask", "stop"]
    keyboard.press("Space")
    demo.state("Stopped.")
    assert model.left.wait(PATIENCE)
    expect(demo.field).to_be_focused()  # the button that had the focus is disabled now
    go_to(demo.page, "format")
    keyboard.press("ArrowDown")
    expect(demo.page.locator("#bytes")).to_contain_text("event: end")
    go_to(demo.page, "Ask", "Shift+Tab")
    keyboard.press("Space")
    model.say("A whole answer.")
    model.finish()
    demo.state("Complete.")
    go_to(demo.page, "message")
    keyboard.type("The parcel is here.")
    keyboard.press("Enter")
    expect(demo.page.locator("#notifications li").first).to_contain_text("The parcel is here.")


def test_a_screen_reader_is_told_each_sentence_once_and_no_word_alone(demo: DemoPage, model: Model) -> None:
    demo.open()
    demo.page.evaluate(LISTEN)
    demo.ask("Count.")
    sentences = ["One is first. ", 'He said: "two." ', "Three!\n\n", "- four\n", "Five is 5.0 and no more"]
    model.say(*re.findall(r"\S+\s*", "".join(sentences)))
    model.finish()
    demo.state("Complete.")
    expect(demo.page.locator("#notifications li")).to_have_count(1)
    spoken: list[tuple[str, str]] = [(name, text) for name, text in demo.page.evaluate("window.spoken")]
    answer = [text for name, text in spoken if name == "Answer"]
    assert "".join(answer) == "".join(sentences)
    assert answer[-1] == sentences[-1]
    assert len(answer) <= len(sentences) + 1  # a colon ends a part that is read alone
    assert [text for name, text in spoken if name == "state"] == [
        "Asking",
        "Waiting for the first word",
        "Answering",
        "Complete.",
    ]
    assert [name for name, _ in spoken if name not in {"Answer", "state"}] == ["Notifications"]
    assert demo.page.evaluate(INTERRUPTING) == 0
    assert demo.page.locator("#coming").text_content() == ""
    assert demo.page.locator("#coming").get_attribute("aria-hidden") == "true"
