"""Headers and query strings without measure: each costs linear time, and none is the server's fault."""

from collections.abc import AsyncIterator
from time import process_time
from typing import Any

import pytest
from msgspec import Struct

from jero import APIKeyAuth, Auth, BasicAuth, BearerAuth, Endpoint, ResumeHeaders, StreamPolicy, Unauthorized
from jero.auth.jwt import JWTAuth
from jero.http.asgi import HeaderPairs, Message
from tests.application import Application, http_scope

KIB = 1_024
# Quadratic time is far over it: see each case.
SECONDS = 1.0


class Many(Struct, kw_only=True):
    """A list, and a text that is sent in several lines."""

    x_many: list[int] = []
    x_text: str = ""
    x_forwarded_for: str = ""


class Search(Struct):
    tag: list[str] = []
    page: int = 1


class Jar(Struct):
    session: str = ""


class Bearers(BearerAuth[str]):
    async def verify(self, token: str) -> str:
        return token


class Passwords(BasicAuth[str]):
    async def verify(self, username: str, password: str) -> str:
        raise Unauthorized


class Sessions(APIKeyAuth[str], cookie="session"):
    async def verify(self, key: str) -> str:
        return key


class Keys(APIKeyAuth[str], query="key"):
    async def verify(self, key: str) -> str:
        return key


class AnyAccept(Endpoint, path="/negotiated"):
    async def get(self) -> AsyncIterator[int]:
        yield 1


class Resumed(Endpoint, path="/resumed"):
    async def get(self, headers: ResumeHeaders) -> int:
        return len(headers.last_event_id or "")


class Reading(Endpoint, path="/reading"):
    async def get(self, headers: Many, params: Search, cookies: Jar) -> str:
        return f"{len(headers.x_text)} {len(headers.x_many)} {len(params.tag)}"

    async def post(self, json: int) -> int:
        return json


class Closed(Endpoint):
    async def get(self, user: Any) -> str:
        return "open"


class App(Application):
    async def _wire(self) -> None:
        await super()._wire()
        jwt = JWTAuth[dict[str, Any]]("k" * 64, algorithms=["HS256"])
        auths: dict[str, Auth] = {"bearer": Bearers(), "basic": Passwords(), "jwt": jwt}
        for name, auth in auths.items():
            self._include_endpoint(Closed(), path=f"/{name}", auth=auth)
        self._include_endpoint(Closed(), path="/session", auth=Sessions())
        self._include_endpoint(Closed(), path="/key", auth=Keys())


async def answer(
    path: str, headers: HeaderPairs | None = None, *, query: bytes = b"", method: str = "GET"
) -> tuple[int, bytes, float]:
    """Returns the status, the body, and the seconds of CPU that the request cost."""
    app = App(AnyAccept(), Resumed(), Reading(), stream_policy=StreamPolicy(max_per_caller=2))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"1", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async with app.lifespan():
        began = process_time()
        await app(http_scope(method, path, headers=headers, query=query), receive, send)
        took = process_time() - began
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent), took


def one(name: str, value: bytes) -> HeaderPairs:
    return [(name.encode(), value)]


LONG = b"x" * 60 * KIB
RANGES = b", ".join(b"a/b%d;q=0.%d" % (number, number % 10) for number in range(10_000))
COOKIES = b"; ".join(b"c%d=%d" % (number, number) for number in range(10_000))
# Three JSON objects in base64url, of which the last is nested deep.
NESTED = b"eyJhbGciOiJIUzI1NiJ9." + b"W1tb" * 2_000 + b".x"
CASES: dict[str, tuple[str, HeaderPairs, int]] = {
    "a thousand headers": ("/reading", [(b"x-%d" % number, b"a") for number in range(1_000)], 200),
    "one of 60 KB": ("/reading", one("x-text", LONG), 200),
    "an Accept of many ranges": ("/negotiated", one("accept", RANGES), 400),
    "an Accept that is short enough": ("/negotiated", one("accept", RANGES[:1_020]), 406),
    "an Accept in many lines": ("/negotiated", one("accept", b"a/b;q=0.5") * 10_000, 400),
    "an Accept of commas": ("/negotiated", one("accept", b"," * 60 * KIB), 400),
    "an Accept of quotes": ("/negotiated", one("accept", b'a/b;c="\\' * 7_000), 400),
    "an Accept that no stream negotiates": ("/reading", one("accept", RANGES), 200),
    "a Cookie of many pairs": ("/reading", one("cookie", COOKIES), 200),
    "a Cookie of equals signs": ("/reading", one("cookie", b"=" * 60 * KIB), 200),
    "a Cookie in many lines": ("/reading", one("cookie", b"a=b") * 10_000, 200),
    "a key in a Cookie": ("/session", one("cookie", b"session=" + LONG), 401),
    "a bearer token": ("/bearer", one("authorization", b"Bearer " + LONG), 401),
    "a bearer token of spaces": ("/bearer", one("authorization", b"Bearer" + b" " * 60 * KIB), 401),
    "a scheme without an end": ("/bearer", one("authorization", LONG), 401),
    "many bearer tokens": ("/bearer", one("authorization", b"Bearer a") * 10_000, 401),
    "a password": ("/basic", one("authorization", b"Basic " + LONG), 401),
    "a password without a colon": ("/basic", one("authorization", b"Basic " + LONG[: 8 * 1_000]), 401),
    "a JSON Web Token": ("/jwt", one("authorization", b"Bearer " + LONG), 401),
    "a JSON Web Token that is nested": ("/jwt", one("authorization", b"Bearer " + NESTED), 401),
    "a Last-Event-ID": ("/resumed", one("last-event-id", LONG), 200),
    "a Last-Event-ID that is not UTF-8": ("/resumed", one("last-event-id", b"\xff" * 60 * KIB), 400),
    "an X-Forwarded-For": ("/reading", one("x-forwarded-for", b"10.0.0.1, " * 6_000), 200),
    "an X-Forwarded-For of a stream": ("/negotiated", one("x-forwarded-for", b"10.0.0.1, " * 6_000), 200),
    # Joined one by one, these lines would be copied for 5,000 times 1.2 MB.
    "a text in many lines": ("/reading", one("x-text", b"x" * 512) * 5_000, 200),
    "a list in many lines": ("/reading", one("x-many", b"7") * 10_000, 200),
}


@pytest.mark.parametrize("case", CASES)
async def test_headers_without_measure_cost_linear_time(case: str) -> None:
    path, headers, expected = CASES[case]
    status, body, seconds = await answer(path, headers)
    assert status == expected, body[:200]
    assert seconds < SECONDS
    assert len(body) < 2 * sum(len(value) for _, value in headers) + 4 * KIB  # an answer is not larger than its request


@pytest.mark.parametrize("name", ["content-type", "content-encoding", "content-length", "expect"])
async def test_headers_of_a_body_without_measure_are_refused_in_linear_time(name: str) -> None:
    # The lines of a Content-Type, joined one by one, would be copied for 5,000 times 1.2 MB.
    headers = one(name, b"1" * 512) * 5_000
    status, _, seconds = await answer("/reading", headers, method="POST")
    assert status in (413, 415)
    assert seconds < SECONDS


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/reading", b"&".join(b"tag=%d" % number for number in range(10_000)), 200),
        ("/reading", b"&".join(b"page=%d" % number for number in range(10_000)), 200),
        ("/reading", b"&".join(b"other%d=1" % number for number in range(10_000)), 200),
        ("/reading", b"&" * 60 * KIB, 200),
        ("/reading", b"=" * 60 * KIB, 200),
        ("/reading", b"page=" + b"1" * 60 * KIB, 400),
        ("/reading", b"tag=" + b"%41" * 20 * KIB, 200),
        ("/reading", b"tag=" + b"%" * 60 * KIB, 200),
        ("/reading", b"tag=" + b"%ff" * 20 * KIB, 400),
        ("/reading", b"tag=" + b"\xff" * 60 * KIB, 400),
        ("/key", b"key=" + LONG, 401),
        ("/key", b"&".join([b"key=a"] * 10_000), 401),
    ],
)
async def test_queries_without_measure_cost_linear_time(path: str, query: bytes, status: int) -> None:
    found, body, seconds = await answer(path, query=query)
    assert found == status, body[:200]
    assert seconds < SECONDS
