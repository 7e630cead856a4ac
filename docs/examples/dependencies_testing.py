"""A test replaces a dependency, by a value or by another factory."""

from collections.abc import AsyncIterator

from dependencies import Session, app

from jero import Request
from jero.testing import TestClient


def test_a_book_that_is_kept_is_refused() -> None:
    kept = Session(["Emma"])
    with TestClient(app) as client, app.override(Session, kept):
        assert client.get("/books").json() == ["Emma"]
        assert client.post("/books", json={"title": "Emma"}).status_code == 409
        assert client.post("/books", json={"title": "Sanditon"}).status_code == 201
    assert kept.added == ["Sanditon"]


def test_each_request_gets_a_session_of_its_own() -> None:
    async def session(request: Request) -> AsyncIterator[Session]:
        yield Session([f"{request.method} {request.path}"])

    with TestClient(app) as client, app.override(Session, session):
        assert client.get("/books").json() == ["GET /books"]
