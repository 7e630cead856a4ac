"""Tests the page's incremental parsers in Chromium: the records do not depend on how the text is split."""

from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page

from tests.browser.docs_page import DocsPage
from tests.programs import needs_program

pytestmark = needs_program("chromium")

# Parses a text whole, in two pieces for each place to cut, and by character. Returns each distinct result.
PARSE = """
    async ([source, name, text]) => {
        const { [name]: Parser } = await import(source);
        const parse = (pieces) => {
            const parser = new Parser();
            const records = pieces.flatMap((piece) => parser.push(piece)).filter((record) => record.kind !== "ping");
            return JSON.stringify({
                records, unfinished: parser.finish(), id: parser.lastEventId ?? "", isArray: parser.isArray ?? null,
            });
        };
        const ways = [[text], [...text]];
        for (let at = 1; at < text.length; at++) ways.push([text.slice(0, at), text.slice(at)]);
        return [...new Set(ways.map(parse))];
    }
"""


class Parsed(msgspec.Struct):
    records: list[dict[str, Any]]
    unfinished: str
    id: str
    isArray: bool | None  # noqa: N815 - the name in JavaScript

    @property
    def data(self) -> list[str]:
        return [record["data"] for record in self.records if record["kind"] == "item"]


@pytest.fixture
def parsers(docs: DocsPage) -> tuple[Page, str]:
    docs.open(heading="Movies")
    script: str = docs.page.locator("script[src]").evaluate("script => script.src")
    return docs.page, script.replace("app.js", "streams.js")


def parse(parsers: tuple[Page, str], name: str, text: str) -> Parsed:
    page, source = parsers
    ways: list[str] = page.evaluate(PARSE, [source, name, text])
    assert len(ways) == 1, ways
    return msgspec.json.decode(ways[0], type=Parsed)


def test_lines_are_parsed(parsers: tuple[Page, str]) -> None:
    parsed = parse(parsers, "LinesParser", '{"a":1}\n\n"\u2028 \u0085"\r\n3\n')
    assert parsed.data == ['{"a":1}', '"\u2028 \u0085"', "3"]
    assert not parsed.unfinished
    assert "inside a line" in parse(parsers, "LinesParser", '1\n{"a"').unfinished


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("[]", []),
        (" [ ] \n", []),
        ("[1,2 , 3]", ["1", "2", "3"]),
        ('[{"a":[1,{"b":"]}"}]},[[]],"x,y",null]', ['{"a":[1,{"b":"]}"}]}', "[[]]", '"x,y"', "null"]),
        ('["\\\\","\\"","\\\\\\",[",{"\\"":"\\\\"}]', ['"\\\\"', '"\\""', '"\\\\\\",["', '{"\\"":"\\\\"}']),
        ('["\u2028😀"]', ['"\u2028😀"']),
    ],
)
def test_arrays_are_parsed(parsers: tuple[Page, str], text: str, elements: list[str]) -> None:
    parsed = parse(parsers, "ArrayParser", text)
    assert parsed.isArray
    assert parsed.data == elements
    assert not parsed.unfinished


def test_an_array_without_its_end_is_reported(parsers: tuple[Page, str]) -> None:
    parsed = parse(parsers, "ArrayParser", '[1,{"a":"]')
    assert parsed.data == ["1"]
    assert "inside the array" in parsed.unfinished


def test_a_text_that_is_not_an_array_is_recognized(parsers: tuple[Page, str]) -> None:
    parsed = parse(parsers, "ArrayParser", ' {"a":[1,2]}')
    assert parsed.isArray is False
    assert not parsed.records


@pytest.mark.parametrize(
    ("text", "records", "last_id"),
    [
        ("data: a\ndata:b\ndata:  c\n\n", [{"kind": "item", "data": "a\nb\n c"}], ""),
        ("data\n\ndata\ndata\n\n", [{"kind": "item", "data": ""}, {"kind": "item", "data": "\n"}], ""),
        ("data: cr\rdata: crlf\r\ndata: lf\n\r\n", [{"kind": "item", "data": "cr\ncrlf\nlf"}], ""),
        ("data: a\r\rdata: b\r\r", [{"kind": "item", "data": "a"}, {"kind": "item", "data": "b"}], ""),
        ("event: e\nid: 7\ndata: x\n\n", [{"kind": "item", "data": "x", "event": "e", "id": "7"}], "7"),
        (
            "id: 7\ndata: x\n\nid\ndata: y\n\n",
            [{"kind": "item", "data": "x", "id": "7"}, {"kind": "item", "data": "y", "id": ""}],
            "",
        ),
        (
            "id: 7\ndata: x\n\ndata: y\n\n",
            [{"kind": "item", "data": "x", "id": "7"}, {"kind": "item", "data": "y"}],
            "7",
        ),
        ("id: 7\n\n", [{"kind": "note", "data": "", "id": "7"}], "7"),
        ("id: a\0b\ndata: x\n\n", [{"kind": "item", "data": "x"}], ""),
        (
            "retry: 10\n\nretry: soon\ndata: x\n\n",
            [{"kind": "note", "data": "", "retry": 10}, {"kind": "item", "data": "x"}],
            "",
        ),
        (": ping\n\n", [{"kind": "comment", "data": "ping"}], ""),
        (": why\ndata: x\n\n", [{"kind": "item", "data": "x", "comment": "why"}], ""),
        ("unknown: x\n\ndata: a:b\n\n", [{"kind": "item", "data": "a:b"}], ""),
        ("data: \u2028\u0085\x0b\n\n", [{"kind": "item", "data": "\u2028\u0085\x0b"}], ""),
    ],
)
def test_events_are_parsed(
    parsers: tuple[Page, str], text: str, records: list[dict[str, object]], last_id: str
) -> None:
    parsed = parse(parsers, "EventsParser", text)
    assert parsed.records == records
    assert parsed.id == last_id
    assert not parsed.unfinished


def test_an_event_without_its_end_is_dropped_and_reported(parsers: tuple[Page, str]) -> None:
    parsed = parse(parsers, "EventsParser", "id: 1\ndata: a\n\nid: 2\ndata: b\n")
    assert parsed.data == ["a"]
    assert parsed.id == "1"
    assert "inside an event" in parsed.unfinished
