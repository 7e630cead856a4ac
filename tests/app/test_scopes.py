"""An application in other applications: mounted below a path, and wrapped; and scopes that it refuses."""

import pytest

from jero import BaseApp, Endpoint
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send
from jero.testing import AsyncTestClient, TestClient
from tests.application import Application, call, http_scope


class MoviesEndpoint(Endpoint, path="/movies/{movie_id}"):
    async def get(self) -> str:
        return "movie"


class RootEndpoint(Endpoint, path="/"):
    async def get(self) -> str:
        return "root"


def mounted(app: ASGIApp, place: str) -> ASGIApp:
    """Mounts an application as the ASGI specification says: `root_path` grows, `path` stays whole."""

    async def mount(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": scope.get("root_path", "") + place}, receive, send)

    return mount


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/movies/1", 200),
        ("/api/", 200),
        ("/api", 200),
        ("/api/movies", 404),
        ("/apix/movies/1", 404),
        ("/api/api", 404),
    ],
)
def test_a_mounted_application_matches_the_path_below_root_path(path: str, status: int) -> None:
    with TestClient(mounted(Application(MoviesEndpoint(), RootEndpoint()), "/api")) as client:
        assert client.get(path).status_code == status


async def test_a_path_that_only_begins_like_the_root_path_is_a_404() -> None:
    app = Application(MoviesEndpoint())
    async with AsyncTestClient(app):
        start, _ = await call(app, http_scope(path="/apimovies/movies/1", root_path="/api"))
    assert start["status"] == 404


def test_an_application_can_be_wrapped() -> None:
    app = Application(RootEndpoint())

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-marked", b"1"))
            await send(message)

        await app(scope, receive, send_marked)

    with TestClient(wrapped) as client:
        assert client.get("/").headers["x-marked"] == "1"


async def test_a_websocket_is_closed() -> None:
    app = Application(RootEndpoint())
    scope: Scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "subprotocols": []}
    async with AsyncTestClient(app) as client:
        [answer] = await call(app, scope, [{"type": "websocket.connect"}])
        assert answer["type"] == "websocket.close"
        assert (await client.get("/")).text == "root"


async def test_a_client_that_leaves_before_its_response_is_not_an_error(caplog: pytest.LogCaptureFixture) -> None:
    app = Application(RootEndpoint())

    async def send(message: Message) -> None:
        raise OSError

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async with AsyncTestClient(app):
        await app(http_scope(), receive, send)
    assert not caplog.records


def test_applications_share_nothing() -> None:
    class Empty(BaseApp):
        pass

    with TestClient(Application(RootEndpoint())) as one, TestClient(Empty()) as other:
        assert (one.get("/").status_code, other.get("/").status_code) == (200, 404)
