"""A client's text in the log: it forges no line, and no control sequence reaches a terminal."""

import logging
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jero import Endpoint
from jero.http.asgi import Message, printable, request_line
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, call, http_scope

FORGED = "/boom/x\nCRITICAL forged\x1b[31m\r\x85\u2028\u202e\x9b"


class BoomEndpoint(Endpoint, path="/boom/{name}"):
    async def get(self) -> str:
        raise RuntimeError("boom")

    async def post(self, content: bytes) -> str:
        return "received"


def is_one_line(text: str) -> bool:
    return text.isprintable() and len(text.splitlines()) <= 1


@pytest.mark.parametrize("path", [FORGED, "/boom/é"])
def test_the_path_of_a_request_that_fails_is_one_line_of_the_log(path: str, caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(Application(BoomEndpoint())) as client:
        assert client.get(quote(path)).status_code == 500
    [record] = caplog.records
    assert is_one_line(record.getMessage())
    assert record.getMessage().startswith("GET /boom/")


async def test_every_line_about_a_client_that_left_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "jero")
    app = Application(BoomEndpoint())

    async def send(message: Message) -> None:
        raise OSError

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async with AsyncTestClient(app):
        caplog.clear()
        for method in ("GET", "POST", "X\nY"):
            await app(http_scope(method, FORGED), receive, send)
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("jero")]
    assert len(messages) >= 3
    assert all(map(is_one_line, messages))


async def test_a_request_before_the_application_can_serve_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Application):
        async def _wire(self) -> None:
            raise OSError("no database")

    for scope in (http_scope("GET", FORGED), {"type": "websocket", "path": FORGED}):
        await call(Failing(), scope)
    assert len(caplog.records) == 2
    assert all(is_one_line(record.getMessage()) for record in caplog.records)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text())
def test_any_text_is_printable_in_the_log(text: str) -> None:
    assert is_one_line(printable(text))
    assert is_one_line(request_line({"type": "http", "method": text, "path": text}))
    assert printable(text) == text or not text.isprintable()
