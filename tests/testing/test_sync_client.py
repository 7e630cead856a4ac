"""The synchronous test client streams as over a network."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from msgspec import Struct

from jero import BaseApp, StreamFailed, WiringError
from jero.client import RequestRefused, StreamCut
from jero.framing.json import NDJSON_NAMES
from jero.testing import TestClient
from tests.testing.feeds import Feeds, Tick


def test_an_endless_stream_is_read_item_by_item_and_closed_early() -> None:
    app = Feeds()
    with TestClient(app) as client:
        with closing(client.ndjson("/ticks", Tick)) as ticks:
            assert [next(ticks).number for _ in range(5)] == [0, 1, 2, 3, 4]
            assert app.record.steps == ["started"]
        assert app.record.steps == ["started", "closed"]
    assert app.record.steps == ["started", "closed", "stopped"]


def test_events_are_typed() -> None:
    with TestClient(Feeds()) as client, closing(client.sse("/events", Tick)) as events:
        event = next(events)
        assert (event.data, event.event, event.id) == (Tick(0), "tick", "0")


def test_a_slow_reader_makes_the_application_wait() -> None:
    app = Feeds()
    with TestClient(app) as client, client.stream("GET", "/ticks") as response:
        chunks = response.iter_raw()
        next(chunks)
        for _ in range(50):  # each request lets the application's event loop run
            client.post("/echo", content=b"")
        held_at = app.record.pulled
        for _ in range(50):
            client.post("/echo", content=b"")
        assert app.record.pulled == held_at < 10


def test_a_cut_stream_raises() -> None:
    with TestClient(Feeds()) as client:
        ticks = client.ndjson("/broken", Tick, method="POST")
        assert next(ticks) == Tick(0)
        with pytest.raises(httpx.RemoteProtocolError):
            next(ticks)


def test_a_failure_reported_in_the_stream_raises_its_problem() -> None:
    with TestClient(Feeds()) as client:
        events = client.sse("/broken", Tick)
        assert next(events).data == Tick(0)
        with pytest.raises(StreamFailed, match="the rest"):
            next(events)


def test_a_refused_request_raises_the_problem_of_the_application() -> None:
    with (
        TestClient(Feeds()) as client,
        pytest.raises(RequestRefused, match="answered with 404: ") as raised,
    ):
        next(client.sse("/nowhere", Tick))
    assert raised.value.problem is not None
    assert raised.value.problem.status == 404
    assert raised.value.__notes__ == [raised.value.response.text]


def test_a_silent_stream_times_out() -> None:
    with TestClient(Feeds(), timeout=0.01) as client, pytest.raises(httpx.ReadTimeout):
        client.get("/silence")


def test_a_request_body_may_be_a_generator() -> None:
    def body() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    with TestClient(Feeds()) as client:
        assert client.post("/echo", content=body()).content == b"one two"


def test_the_first_request_wires_the_application_without_a_with_block() -> None:
    app = Feeds()
    threads = set(threading.enumerate())
    client = TestClient(app)
    assert client.post("/echo", content=b"x").content == b"x"
    client.close()
    assert app.record.steps == ["started", "stopped"]
    assert set(threading.enumerate()) <= threads


def test_each_with_block_starts_and_stops_the_application() -> None:
    app = Feeds()
    for _ in range(2):
        with TestClient(app) as client:
            assert client.post("/echo", content=b"x").status_code == 200
    assert app.record.steps == ["started", "stopped"] * 2


def test_an_application_that_fails_to_start_raises_its_reason() -> None:
    class App(BaseApp):
        async def _wire(self) -> None:
            raise WiringError("Nothing fits.")

    threads = set(threading.enumerate())
    with pytest.raises(RuntimeError, match=r"startup failed: WiringError: Nothing fits\."), TestClient(App()):
        pass
    assert set(threading.enumerate()) <= threads


def test_closing_the_client_closes_its_open_streams() -> None:
    app = Feeds()
    with TestClient(app) as client:
        ticks = client.ndjson("/ticks", Tick)
        assert next(ticks) == Tick(0)
    assert app.record.steps == ["started", "closed", "stopped"]
    ticks.close()


class Order(Struct):
    title: str


def test_a_struct_is_sent_as_json() -> None:
    with TestClient(Feeds()) as client:
        assert client.post("/echo", json=Order("é")).text == '{"title":"é"}'
        assert client.post("/echo", json=None).content == b""
        assert client.post("/echo", json=[1]).content == b"[1]"


@pytest.mark.parametrize("headers", [{"Last-Event-ID": "Zürich-1"}, [("last-event-id", "Zürich-1")]])
def test_a_last_event_id_is_sent_in_utf_8(headers: Any) -> None:
    with TestClient(Feeds()) as client:
        assert client.get("/resumed", headers=headers).json() == "Zürich-1"
        events = client.sse("/resumed/events", str, headers=headers)
        assert [(event.data, event.id) for event in events] == [("Zürich-1", "Zürich-1!")]
    with TestClient(Feeds(), headers=headers) as client:
        assert client.get("/resumed").json() == "Zürich-1"


@pytest.mark.parametrize("name", NDJSON_NAMES)
def test_every_name_of_ndjson_is_read(name: str) -> None:
    with TestClient(Feeds()) as client:
        assert [tick.number for tick in client.ndjson("/named", Tick, params={"name": name})] == [1, 2]


def test_a_cut_stream_says_how_much_was_received() -> None:
    with TestClient(Feeds()) as client:
        ticks = client.ndjson("/broken", Tick, method="POST")
        next(ticks)
        with pytest.raises(StreamCut, match=r"^The stream was cut after 1 item: The application stopped") as raised:
            next(ticks)
    assert raised.value.received == 1


@pytest.mark.parametrize("type_", [str | None, str | int])
def test_a_union_of_text_with_another_type_is_refused_at_the_call(type_: Any) -> None:
    with TestClient(Feeds()) as client, pytest.raises(TypeError, match="and everything else as JSON"):
        client.sse("/events", type_)


def test_the_exception_behind_a_500_is_raised_if_asked_for() -> None:
    with TestClient(Feeds()) as client:
        assert client.get("/failing").status_code == 500
    with TestClient(Feeds(), raise_app_exceptions=True) as client:
        with pytest.raises(LookupError, match="no such thing"):
            client.get("/failing")
        assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/failing/lines", "/failing/events"])
def test_the_exception_that_broke_a_stream_is_raised_if_asked_for(path: str) -> None:
    with TestClient(Feeds(), raise_app_exceptions=True) as client:
        read = client.sse if path.endswith("events") else client.ndjson
        with pytest.raises(LookupError, match="in mid-stream"):
            list(read(path, Tick))
        with pytest.raises(LookupError, match="in mid-stream"):
            client.get(path)


def test_closing_the_client_shuts_the_application_down_after_an_exception() -> None:
    app = Feeds()
    threads = set(threading.enumerate())
    with (
        pytest.raises(LookupError, match="of the teardown"),
        TestClient(app, raise_app_exceptions=True) as client,
    ):
        client.send(client.build_request("GET", "/failing/teardown"), stream=True)
    assert app.record.steps == ["started", "stopped"]
    assert set(threading.enumerate()) <= threads
