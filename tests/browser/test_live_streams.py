"""Tests streams that run on the documentation page, in Chromium, with a real server."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from playwright.sync_api import expect

from tests.browser.docs_page import DocsPage
from tests.browser.feeds import EVENTS, App, Movie
from tests.browser.serving import PATIENCE
from tests.browser.watch import CUT
from tests.programs import needs_program

pytestmark = needs_program("chromium")

KEPT = 200
MEASURE_FRAMES = """
    () => new Promise((resolve) => {
        const times = [];
        const frame = (time) => (times.push(time) < 60 ? requestAnimationFrame(frame) : resolve(times));
        requestAnimationFrame(frame);
    })
"""
# Sets an attribute when ten frames have been drawn since the list of items was full.
COUNT_FRAMES = """
    () => {
        let drawn = 0;
        const frame = () => {
            if (document.querySelectorAll(".rows li").length >= 200) drawn++;
            if (drawn === 10) document.body.dataset.drawnOn = "";
            else requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
    }
"""
COUNT_PIXELS = """
    (canvas) => {
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        const count = (name) => {
            const hex = getComputedStyle(canvas).getPropertyValue(name).trim().slice(1);
            const colour = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
            let found = 0;
            for (let at = 0; at < pixels.length; at += 4) {
                found += colour.every((value, part) => pixels[at + part] === value);
            }
            return found;
        };
        return Object.fromEntries(["--accent", "--gap"].map((name) => [name, count(name)]));
    }
"""


def test_each_item_is_shown_as_it_arrives(docs: DocsPage, app: App) -> None:
    docs.open("get/gated")
    docs.start()
    expect(docs.status).to_have_text("Streaming…")
    for number, word in enumerate(("one", "two", "three"), start=1):
        app.gate.put(word)
        expect(docs.rows).to_have_count(number)
        assert docs.data()[-1] == f'"{word}"'
    app.gate.put(None)
    docs.ended("Completed", "3 items")
    assert docs.page.locator(".rows li.ping").count() > 0
    assert app.outcomes.get(timeout=PATIENCE).items == 3


@pytest.mark.parametrize("path", ["lines", "array", "negotiated"])
def test_the_list_shows_every_item_that_was_sent(docs: DocsPage, app: App, path: str) -> None:
    docs.open(f"get/{path}")
    docs.field("count").fill("40")
    docs.start()
    docs.ended("Completed", "40 items")
    assert docs.count() == app.outcomes.get(timeout=PATIENCE).items == 40
    shown = [msgspec.json.decode(data, type=Movie) for data in docs.data()]
    assert [movie.id for movie in shown] == list(range(1, 41))
    assert docs.rows.locator(".number").all_inner_texts() == [str(number) for number in range(1, 41)]
    times = [float(text) for text in docs.rows.locator(".at").all_inner_texts()]
    assert times == sorted(times)
    assert times[-1] > times[0]


@pytest.mark.parametrize(
    "media_type", ["application/x-ndjson", "application/jsonl", "text/event-stream", "application/json"]
)
def test_a_negotiated_stream_is_read_in_each_format(docs: DocsPage, app: App, media_type: str) -> None:
    docs.open("get/negotiated")
    docs.field("Accept").select_option(media_type)
    docs.start()
    docs.ended("Completed", "5 items")
    expect(docs.answer.locator(".head")).to_contain_text(media_type)
    assert [msgspec.json.decode(data, type=Movie).id for data in docs.data()] == [1, 2, 3, 4, 5]
    assert app.outcomes.get(timeout=PATIENCE).reason == "completed"


def test_a_body_of_lines_is_answered_line_by_line(docs: DocsPage, app: App) -> None:
    docs.open("post/pipeline")
    docs.start()
    docs.ended("Completed", "2 items")
    assert app.outcomes.get(timeout=PATIENCE).items == 2


def test_a_raw_stream_is_listed_in_chunks(docs: DocsPage, app: App) -> None:
    docs.open("get/text")
    docs.start()
    docs.ended("Completed")
    assert "".join(docs.data()) == "0,movie\n1,movie\n2,movie\n"
    app.outcomes.get(timeout=PATIENCE)


def test_events_show_their_fields_and_pings(docs: DocsPage, app: App) -> None:
    docs.open("get/events")
    docs.start()
    docs.ended("Completed", f"{EVENTS} items")
    first = docs.rows.first.locator(".tag")
    assert first.all_inner_texts() == ["event movie", "id 1", "retry 2000"]
    assert docs.page.locator(".rows li.comment").first.inner_text().endswith(": ping")
    assert "ping" in docs.page.locator('[data-figure="longest gap beside"]').inner_text()
    app.outcomes.get(timeout=PATIENCE)


def test_an_item_unfolds_to_its_whole_json(docs: DocsPage, app: App) -> None:
    docs.open("get/lines")
    docs.start()
    docs.ended("Completed")
    docs.rows.first.locator("summary").click()
    opened = docs.rows.first.locator("pre.json").inner_text()
    assert msgspec.json.decode(opened, type=Movie).id == 1
    assert opened.count("\n") == 4
    app.outcomes.get(timeout=PATIENCE)


def test_stopping_closes_the_stream_at_the_server(docs: DocsPage, app: App) -> None:
    docs.open("get/ticks")
    docs.start()
    expect(docs.rows.nth(4)).to_be_attached()
    docs.button("Stop").click()
    docs.ended("Stopped by you")
    outcome = app.outcomes.get(timeout=PATIENCE)
    assert (outcome.endpoint, outcome.reason) == ("Ticks", "disconnected")
    assert 5 <= docs.count() <= outcome.items


def test_resuming_sends_the_last_id(docs: DocsPage, app: App) -> None:
    docs.open("get/ticks")
    docs.start()
    expect(docs.rows.nth(2)).to_be_attached()
    docs.button("Stop").click()
    docs.ended("Stopped by you")
    stopped_at = docs.count()
    with docs.page.expect_request("**/ticks") as asked:
        docs.button("Resume").click()
    assert asked.value.all_headers()["last-event-id"] == str(stopped_at)
    expect(docs.rows.nth(stopped_at + 2)).to_be_attached()
    docs.button("Stop").click()
    docs.ended("Stopped by you")
    shown = [msgspec.json.decode(data, type=Movie).id for data in docs.data()]
    assert shown == list(range(1, len(shown) + 1))
    assert docs.page.locator(".rows li.note").inner_text().endswith(f"resumed after id {stopped_at}")
    assert [app.outcomes.get(timeout=PATIENCE).reason for _ in range(2)] == ["disconnected", "disconnected"]


def test_a_cut_is_shown_as_a_cut(docs: DocsPage, app: App) -> None:
    docs.watch.allow(f"{CUT} GET /cut")
    docs.open("get/cut")
    docs.start()
    expect(docs.status).to_have_text("Streaming…")
    app.gate.put("whole")
    expect(docs.rows).to_have_count(1)
    app.gate.put(RuntimeError("the source broke"))
    docs.ended("Cut", "1 item in")
    assert "Completed" not in docs.status.inner_text()
    assert app.outcomes.get(timeout=PATIENCE).reason == "failed"


def test_an_error_event_is_shown_as_a_failure(docs: DocsPage, app: App) -> None:
    docs.open("get/failing")
    docs.start()
    docs.ended("Failed", "event: error", "Internal server error")
    assert docs.rows.last.locator(".tag").all_inner_texts() == ["event error"]
    assert app.outcomes.get(timeout=PATIENCE).reason == "failed"


def test_a_stream_that_never_pauses_keeps_the_page_responsive_and_small(docs: DocsPage, app: App) -> None:
    docs.open("get/fast")
    docs.start()
    expect(docs.rows).to_have_count(KEPT)
    elements = docs.page.evaluate("document.querySelectorAll('*').length")
    times = docs.page.evaluate(MEASURE_FRAMES)
    gaps = sorted(after - before for before, after in pairwise(times))
    assert gaps[len(gaps) // 2] < 500, gaps
    assert gaps[-1] < 3000, gaps
    assert docs.count() > 10_000
    assert docs.page.locator(".rows > *").count() <= KEPT
    assert docs.page.evaluate("document.querySelectorAll('*').length") < elements + 50
    docs.button("Stop").click()
    docs.ended("Stopped by you")
    assert app.outcomes.get(timeout=PATIENCE).reason == "disconnected"


def test_a_page_slower_than_its_stream_is_not_starved(docs: DocsPage, app: App) -> None:
    docs.open("get/fast")
    docs.page.evaluate(COUNT_FRAMES)
    chromium: Any = docs.page.context.new_cdp_session(docs.page)  # its results have no types
    chromium.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    docs.start()
    expect(docs.rows).to_have_count(KEPT)
    expect(docs.page.locator("body[data-drawn-on]")).to_be_attached()
    docs.button("Stop").click()
    docs.ended("Stopped by you")
    assert app.outcomes.get(timeout=PATIENCE).reason == "disconnected"


def test_a_stream_goes_on_while_another_operation_is_read(docs: DocsPage, app: App) -> None:
    docs.open("get/ticks")
    docs.start()
    expect(docs.rows.nth(2)).to_be_attached()
    running = docs.page.locator("#list a[data-running]")
    expect(running).to_contain_text("/ticks")
    docs.open("get/lines")
    docs.open("get/ticks")
    before = docs.count()
    expect(docs.rows.nth(before + 2)).to_be_attached()
    docs.button("Stop").click()
    expect(running).to_have_count(0)
    assert app.outcomes.get(timeout=PATIENCE).reason == "disconnected"


def test_the_pace_is_drawn(docs: DocsPage, app: App) -> None:
    docs.open("get/events")
    docs.start()
    docs.ended("Completed")
    drawn: dict[str, int] = docs.page.locator("canvas").evaluate(COUNT_PIXELS)
    assert drawn["--accent"] > 500  # the rates
    assert drawn["--gap"] > 50
    app.outcomes.get(timeout=PATIENCE)
