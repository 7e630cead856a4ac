"""Whole requests to endpoints that are included with `auth=`."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from msgspec import Struct

from jero import (
    BaseApp,
    Endpoint,
    Forbidden,
    NDJSONStreamingResponse,
    SSEResponse,
    StreamOutcome,
    StreamPolicy,
    Unauthorized,
)
from jero.auth import APIKeyAuth, Auth, BearerAuth, Expiring, HTTPScheme
from jero.testing import AsyncTestClient
from tests.application import call, http_scope
from tests.auth.asking import User

ADA = {"Authorization": "Bearer ada"}
PROBLEM = {"type": "unauthorized", "title": "Unauthorized", "status": 401}


class Tokens(BearerAuth[User], realm="movies"):
    async def verify(self, token: str) -> User:
        if token == "forged":
            raise Unauthorized
        if token == "locked":
            raise Forbidden("This account is locked.")
        if token == "broken":
            raise RuntimeError("the database is gone")
        return User(token)


class Guests(BearerAuth[User | None]):
    async def verify(self, token: str) -> User | None:
        return User(token)


class Fleeting(BearerAuth[Expiring[User]]):
    """Users whose credentials expire after half a second."""

    async def verify(self, token: str) -> Expiring[User]:
        return Expiring(User(token), datetime.now(UTC) + timedelta(seconds=0.5))


class Eternal(BearerAuth[Expiring[User]]):
    async def verify(self, token: str) -> Expiring[User]:
        return Expiring(User(token), datetime.max.replace(tzinfo=UTC))


class Sessions(APIKeyAuth[User], cookie="session"):
    async def verify(self, key: str) -> User:
        return User(key)


class ClientHeaders(Struct):
    x_client: int


class Own:
    """An authenticator without a base class of jero's."""

    scheme = HTTPScheme(scheme="digest")
    realm = "clients"

    async def authenticate(self, headers: ClientHeaders) -> User:
        if headers.x_client == 0:
            raise Unauthorized
        return User(str(headers.x_client))


class Forgetful:
    """An authenticator that returns `None` instead of raising `Unauthorized`."""

    scheme = HTTPScheme(scheme="digest")

    async def authenticate(self, headers: ClientHeaders) -> User:
        users: Any = {}
        return cast("User", users.get(headers.x_client))


class Slots(Struct):
    number: int


class MoviesEndpoint(Endpoint, path="/movies/{number}"):
    def __init__(self) -> None:
        self.calls = 0

    async def get(self, user: User) -> User:
        self.calls += 1
        return user

    async def post(self, path: Slots, user: User, json: list[int]) -> str:
        self.calls += 1
        return f"{user.name} {path.number} {json}"

    async def delete(self) -> str:
        self.calls += 1
        return "gone"

    async def put(self, user: User) -> AsyncIterator[User]:
        self.calls += 1
        yield user
        yield user

    async def patch(self, user: User) -> NDJSONStreamingResponse[User]:
        self.calls += 1
        return NDJSONStreamingResponse(stream=self.put(user))


class GreetingEndpoint(Endpoint, path="/greeting"):
    async def get(self, user: User | None) -> str:
        return "Hello, stranger" if user is None else f"Hello, {user.name}"


class EndlessEndpoint(Endpoint, path="/endless"):
    stream_policy = StreamPolicy(max_concurrent=1)

    async def get(self, user: User) -> SSEResponse[User]:
        return SSEResponse(stream=self._endless(user))

    async def _endless(self, user: User) -> AsyncIterator[User]:
        yield user
        await asyncio.Event().wait()


class Guarded(BaseApp):
    def __init__(self, endpoint: Endpoint, auth: Auth | None) -> None:
        super().__init__()
        self._endpoint, self._auth = endpoint, auth
        self.outcomes: asyncio.Queue[StreamOutcome] = asyncio.Queue()

    async def _wire(self) -> None:
        self._include_endpoint(self._endpoint, auth=self._auth)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        await self.outcomes.put(outcome)


async def respond(endpoint: Endpoint, auth: Auth, method: str, path: str, **options: Any) -> httpx.Response:
    async with AsyncTestClient(Guarded(endpoint, auth)) as client:
        return await client.request(method, path, **options)


@pytest.mark.parametrize(
    ("method", "options", "text"),
    [
        ("GET", {}, '{"name":"ada"}'),
        ("POST", {"json": [1]}, "ada 7 [1]"),
        ("DELETE", {}, "gone"),
        ("PUT", {}, '{"name":"ada"}\n{"name":"ada"}\n'),
        ("PATCH", {}, '{"name":"ada"}\n{"name":"ada"}\n'),
    ],
)
async def test_the_handler_receives_the_user(method: str, options: dict[str, Any], text: str) -> None:
    response = await respond(MoviesEndpoint(), Tokens(), method, "/movies/7", headers=ADA, **options)
    assert (response.status_code, response.text) == (200, text)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, 'Bearer realm="movies"'),
        ({"Authorization": "Bearer forged"}, 'Bearer realm="movies", error="invalid_token"'),
        ({"Authorization": "Bearer \x01"}, 'Bearer realm="movies", error="invalid_token"'),
    ],
)
async def test_a_refused_request_reaches_no_handler(method: str, headers: dict[str, str], challenge: str) -> None:
    endpoint = MoviesEndpoint()
    response = await respond(endpoint, Tokens(), method, "/movies/7", headers=headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, challenge)
    assert response.headers["content-type"] == "application/problem+json"
    assert method == "HEAD" or response.json() == PROBLEM
    assert endpoint.calls == 0


async def test_a_refusal_does_not_depend_on_the_rest_of_the_request() -> None:
    response = await respond(MoviesEndpoint(), Tokens(), "POST", "/movies/no-number", content=b"{")
    assert (response.status_code, response.json()) == (401, PROBLEM)


async def test_the_body_of_a_refused_request_is_not_read() -> None:
    sent = await call(Guarded(MoviesEndpoint(), Tokens()), http_scope("POST", "/movies/7"))
    assert [message.get("status") for message in sent] == [401, None]


async def test_a_refused_request_does_not_count_as_an_open_stream() -> None:
    app = Guarded(EndlessEndpoint(), Tokens())
    async with AsyncTestClient(app) as client, client.stream("GET", "/endless", headers=ADA) as response:
        assert response.status_code == 200
        assert (await client.get("/endless")).status_code == 401
        assert (await client.get("/endless", headers=ADA)).status_code == 503


async def test_options_needs_no_credentials() -> None:
    response = await respond(MoviesEndpoint(), Tokens(), "OPTIONS", "/movies/7")
    assert response.status_code == 204


@pytest.mark.parametrize(("headers", "greeting"), [({}, "Hello, stranger"), (ADA, "Hello, ada")])
async def test_an_optional_user_may_be_none(headers: dict[str, str], greeting: str) -> None:
    assert (await respond(GreetingEndpoint(), Guests(), "GET", "/greeting", headers=headers)).text == greeting


async def test_a_handler_may_take_a_wider_type_than_the_user() -> None:
    assert (await respond(GreetingEndpoint(), Tokens(), "GET", "/greeting", headers=ADA)).text == "Hello, ada"


async def test_an_event_stream_is_opened_with_a_cookie() -> None:
    async with AsyncTestClient(Guarded(EndlessEndpoint(), Sessions()), cookies={"session": "ada"}) as client:
        events = client.sse("/endless", User)
        assert (await anext(events)).data == User("ada")
        await events.aclose()


async def test_an_authenticator_without_a_base_class_is_called() -> None:
    response = await respond(MoviesEndpoint(), Own(), "GET", "/movies/7", headers={"X-Client": "5"})
    assert response.json() == {"name": "5"}


@pytest.mark.parametrize("headers", [{}, {"X-Client": "five"}, {"X-Client": "0"}])
async def test_malformed_parameters_of_an_authenticator_are_refused_with_401(headers: dict[str, str]) -> None:
    response = await respond(MoviesEndpoint(), Own(), "GET", "/movies/7", headers=headers)
    assert (response.status_code, response.json()) == (401, PROBLEM)
    assert response.headers["www-authenticate"] == 'Digest realm="clients"'


async def test_an_authenticator_that_returns_none_admits_nobody(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = MoviesEndpoint()
    response = await respond(endpoint, Forgetful(), "DELETE", "/movies/7", headers={"X-Client": "5"})
    assert (response.status_code, endpoint.calls) == (500, 0)
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == (
        "Forgetful.authenticate returned None; its return annotation says User. Raise Unauthorized to refuse."
    )


class Confused(Forgetful):
    async def authenticate(self, headers: ClientHeaders) -> User:
        return cast("User", {"name": "ada"})


async def test_an_authenticator_that_returns_another_class_admits_nobody(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = MoviesEndpoint()
    response = await respond(endpoint, Confused(), "DELETE", "/movies/7", headers={"X-Client": "5"})
    assert (response.status_code, endpoint.calls) == (500, 0)
    assert (
        "Confused.authenticate returned dict; its return annotation says User. Return what the annotation says."
        in caplog.text
    )


async def test_other_errors_of_an_authenticator_keep_their_status(caplog: pytest.LogCaptureFixture) -> None:
    locked = await respond(MoviesEndpoint(), Tokens(), "GET", "/movies/7", headers={"Authorization": "Bearer locked"})
    assert (locked.status_code, locked.json()["detail"]) == (403, "This account is locked.")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    broken = await respond(MoviesEndpoint(), Tokens(), "GET", "/movies/7", headers={"Authorization": "Bearer broken"})
    assert (broken.status_code, "database" in broken.text) == (500, False)


async def test_a_stream_ends_when_its_credentials_expire() -> None:
    app = Guarded(EndlessEndpoint(), Fleeting())
    async with AsyncTestClient(app) as client:
        began = asyncio.get_running_loop().time()
        events = [event.data async for event in client.sse("/endless", User, headers=ADA)]
        took = asyncio.get_running_loop().time() - began
        outcome = await app.outcomes.get()
    assert (events, outcome.reason) == ([User("ada")], "expired")
    assert 0.4 < took < 5


async def test_a_negotiated_stream_ends_when_its_credentials_expire() -> None:
    class WaitingEndpoint(Endpoint, path="/endless"):
        async def get(self, user: User) -> AsyncIterator[User]:
            yield user
            await asyncio.Event().wait()

    app = Guarded(WaitingEndpoint(), Fleeting())
    async with AsyncTestClient(app) as client:
        events = [event.data async for event in client.sse("/endless", User, headers=ADA)]
        outcome = await app.outcomes.get()
    assert (events, outcome.reason) == ([User("ada")], "expired")


async def test_a_stream_that_ends_before_its_credentials_completes() -> None:
    app = Guarded(MoviesEndpoint(), Eternal())
    async with AsyncTestClient(app) as client:
        assert len((await client.put("/movies/7", headers=ADA)).text.splitlines()) == 2
        assert (await app.outcomes.get()).reason == "completed"


@pytest.mark.parametrize(
    ("endpoint", "auth", "message"),
    [
        (
            GreetingEndpoint(),
            None,
            "GreetingEndpoint.get: no authenticator fills the parameter 'user'.",
        ),
        (MoviesEndpoint(), Guests(), "MoviesEndpoint.get, parameter 'user': its type is User, "),
        (MoviesEndpoint(), Sessions, "MoviesEndpoint, auth: got Sessions, a class. Give an instance of it"),
    ],
)
async def test_wiring_that_cannot_work_is_refused_at_startup(endpoint: Endpoint, auth: Any, message: str) -> None:
    with pytest.raises(RuntimeError) as refused:
        async with AsyncTestClient(Guarded(endpoint, auth)):
            raise AssertionError("the application started")
    assert f"WiringError: {message}" in str(refused.value)
