"""The document lists the problems that an operation answers with."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec import Struct
from typing_extensions import TypeVar

from jero import (
    BaseApp,
    Conflict,
    Endpoint,
    EventStreamResponse,
    HTTPError,
    JSONResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    NotFound,
    Redirect,
    ResumeHeaders,
    ServiceUnavailable,
    SSEResponse,
    StreamPolicy,
    WiringError,
)
from jero.auth import BearerAuth
from jero.endpoint import operation_notes
from jero.testing import TestClient
from tests.openapi.documents import document, only_operation

T = TypeVar("T")

PROBLEM = "application/problem+json"


class Film(Struct):
    title: str


class Number(Struct):
    film: int


class Visitor(Struct):
    name: str


class Tokens(BearerAuth[Visitor]):
    async def verify(self, token: str) -> Visitor:
        return Visitor(token)


class OutOfStock(HTTPError, type="out-of-stock", title="Out of stock", status=409):
    """All of them are lent.

    Come back later.
    """


class Undocumented(HTTPError, type="undocumented", title="Undocumented", status=410): ...


class SlotEndpoint(Endpoint):
    path = "/films/{film}"


class PlainEndpoint(Endpoint, path="/films"):
    async def get(self) -> Film:
        return Film("M")


def problems(operation: dict[str, Any]) -> list[int]:
    """Returns the statuses of the responses that carry a problem."""
    return [
        int(status) for status, response in operation["responses"].items() if PROBLEM in response.get("content", {})
    ]


def endpoint_taking(name: str, annotation: Any, *, path: str = "/films", **members: Any) -> Endpoint:
    namespace: dict[str, Any] = {}
    exec(f"async def post(self, {name}): ...", namespace)
    namespace["post"].__annotations__ = {name: annotation, "return": str}
    endpoint: Endpoint = type("FilmsEndpoint", (Endpoint,), {"post": namespace["post"], "path": path, **members})()
    return endpoint


@pytest.mark.parametrize(
    ("name", "annotation", "statuses"),
    [
        ("path", Number, [404]),
        ("params", Number, [400]),
        ("headers", ResumeHeaders, [400]),
        ("cookies", Number, [400]),
        ("json", Film, [400, 408, 413, 415, 422]),
        ("items", AsyncIterator[Film], [400, 413, 415, 422]),
        ("content", bytes, [400, 408, 413, 415]),
        ("content", AsyncIterator[bytes], [400, 415]),
    ],
)
def test_an_argument_adds_its_problems(name: str, annotation: Any, statuses: list[int]) -> None:
    path = "/films/{film}" if name == "path" else "/films"
    assert problems(only_operation(endpoint_taking(name, annotation, path=path))) == statuses


def test_a_body_read_as_it_arrives_may_be_too_large_if_the_endpoint_sets_a_limit() -> None:
    endpoint = endpoint_taking("content", AsyncIterator[bytes], max_body_bytes=10)
    assert problems(only_operation(endpoint)) == [400, 413, 415]


def test_an_authenticator_adds_401_with_its_challenge() -> None:
    response = only_operation(PlainEndpoint(), auth=Tokens())["responses"]["401"]
    assert response["headers"] == {
        "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}}
    }


class StreamEndpoint(Endpoint, path="/films"):
    async def get(self) -> NDJSONStreamingResponse[Film]:
        return NDJSONStreamingResponse(stream=[])


class EventsEndpoint(Endpoint, path="/films"):
    async def get(self) -> SSEResponse[Film]:
        return SSEResponse(stream=[])


class FewEventsEndpoint(EventsEndpoint, path="/few"):
    stream_policy = StreamPolicy(max_per_caller=1)


class LimitedApp(BaseApp):
    """Has a policy of its own on /few, and that of the application elsewhere."""

    async def _wire(self) -> None:
        for endpoint in (PlainEndpoint(), FewEventsEndpoint()):
            self._include_endpoint(endpoint)
        self._include_endpoint(EventsEndpoint(), path="/many")
        self._include_openapi(title="Films", version="1")


@pytest.mark.parametrize(
    ("policy", "many"), [(StreamPolicy(max_concurrent=1), [503]), (StreamPolicy(max_per_caller=9), [429, 503])]
)
def test_a_limit_of_the_streams_of_a_caller_adds_429(policy: StreamPolicy, many: list[int]) -> None:
    with TestClient(LimitedApp(stream_policy=policy)) as client:
        paths = client.get("/openapi.json").json()["paths"]
    found = {path: problems(item["get"]) for path, item in paths.items()}
    assert found == {"/films": [], "/few": [429, 503], "/many": many}
    refused = paths["/few"]["get"]["responses"]["429"]
    assert refused["headers"] == paths["/few"]["get"]["responses"]["503"]["headers"]
    assert "Retry-After" in refused["headers"]


class NegotiatedEndpoint(Endpoint, path="/films"):
    async def get(self) -> AsyncIterator[Film]:
        yield Film("M")


@pytest.mark.parametrize(
    ("endpoint", "statuses"),
    [
        (PlainEndpoint(), []),
        (StreamEndpoint(), [503]),
        (EventsEndpoint(), [503]),
        (NegotiatedEndpoint(), [400, 406, 503]),
    ],
    ids=lambda endpoint: type(endpoint).__name__,
)
def test_a_stream_adds_its_problems(endpoint: Endpoint, statuses: list[int]) -> None:
    assert problems(only_operation(endpoint)) == statuses


def test_a_problem_lists_the_headers_that_jero_sends_with_it() -> None:
    responses = only_operation(NegotiatedEndpoint())["responses"]
    assert list(responses["503"]["headers"]) == ["Retry-After"]
    assert list(responses["406"]["headers"]) == ["Vary"]
    assert list(only_operation(endpoint_taking("json", Film))["responses"]["415"]["headers"]) == ["Accept"]


class ListingEndpoint(Endpoint, path="/films/{film}"):
    errors = (OutOfStock, ServiceUnavailable)

    async def get(self, path: Number) -> Film:
        raise Undocumented

    @operation_notes(errors=[Conflict, OutOfStock, NotFound])
    async def delete(self, path: Number) -> Film:
        raise OutOfStock


def test_listed_errors_are_documented_and_no_others() -> None:
    operations = document(ListingEndpoint())["paths"]["/films/{film}"]
    assert problems(operations["get"]) == [404, 409, 503]
    assert problems(operations["delete"]) == [404, 409, 503]


def test_errors_of_one_status_share_a_response() -> None:
    response = document(ListingEndpoint())["paths"]["/films/{film}"]["delete"]["responses"]["409"]
    assert response["description"] == "Conflict; Out of stock"
    assert response["content"][PROBLEM] == {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {
            "conflict": {"summary": "Conflict", "value": {"type": "conflict", "title": "Conflict", "status": 409}},
            "out-of-stock": {
                "summary": "Out of stock",
                "description": "All of them are lent.\n\nCome back later.",
                "value": {"type": "out-of-stock", "title": "Out of stock", "status": 409},
            },
        },
    }


def test_an_error_that_a_handler_raises_promises_no_header() -> None:
    assert "headers" not in document(ListingEndpoint())["paths"]["/films/{film}"]["get"]["responses"]["503"]


class Teapot(JSONResponse[Film], frozen=True, kw_only=True):
    status_code: int = 299


@pytest.mark.parametrize(
    ("annotation", "chosen", "listed"),
    [
        (JSONResponse[Film], [200, 207], {"200": True, "207": True}),
        (JSONResponse[Film], (207,), {"207": True}),
        (Teapot, [], {"299": True}),
        (Film | JSONResponse[Film], [201], {"200": True, "201": True}),
        (JSONResponse[Film] | NoContent, [200, 207], {"200": True, "204": False, "207": True}),
        (JSONResponse[Film] | NoContent, [200, 205], {"200": True, "205": False}),
        (NoContent, [202, 204], {"202": False, "204": False}),
        (JSONResponse[Film] | Redirect, [201, 303, 307], {"201": True, "303": False, "307": False}),
        (JSONResponse[Film], [300], {"300": True}),
        (NDJSONStreamingResponse[Film], [200, 206], {"200": True, "206": True}),
    ],
)
def test_the_statuses_of_the_notes_are_listed_with_what_can_have_them(
    annotation: Any, chosen: Sequence[int], listed: dict[str, bool]
) -> None:
    responses = only_operation(endpoint_with_statuses(annotation, chosen))["responses"]
    found = {status: "content" in response for status, response in responses.items() if int(status) < 400}
    assert found == listed
    assert all(response["description"] for response in responses.values())


@pytest.mark.parametrize(
    ("annotation", "chosen", "match"),
    [
        (Film, [201], r"ChosenEndpoint\.post: operation_notes\(statuses=\.\.\.\) has 201, which no response of its"),
        (JSONResponse[Film], [204], r"has 204, which no response"),
        (JSONResponse[Film], ["201"], r"statuses is \['201'\]\. List numbers from 200 to 599"),
        (JSONResponse[Film], [True], r"statuses is \[True\]"),
        (JSONResponse[Film], [600], r"statuses is \[600\]"),
        (JSONResponse[Film], 201, r"statuses is 201"),
    ],
)
def test_statuses_that_no_response_can_have_are_refused(annotation: Any, chosen: Any, match: str) -> None:
    with pytest.raises(WiringError, match=match):
        only_operation(endpoint_with_statuses(annotation, chosen))


def endpoint_with_statuses(annotation: Any, chosen: Sequence[int]) -> Endpoint:
    async def post(self: object) -> Any: ...

    post.__annotations__["return"] = annotation
    members = {"post": operation_notes(statuses=chosen)(post)}
    endpoint: Endpoint = type("ChosenEndpoint", (Endpoint,), members, path="/films")()
    return endpoint


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(endpoint_taking("json", Film))
        self._include_openapi(title="Films", version="1")


def test_a_sent_problem_fits_the_document() -> None:
    with TestClient(App()) as client:
        refused = client.post("/films", json={})
        problem = client.get("/openapi.json").json()["components"]["schemas"]["Problem"]
    assert refused.status_code == 422
    assert refused.json().keys() == problem["properties"].keys()
    assert problem["required"] == ["type", "title", "status"]


class Started(Negotiated[T], frozen=True, kw_only=True):
    status_code: int = 201


class StartedEvents(EventStreamResponse[T], frozen=True, kw_only=True):
    status_code: int = 202


class StartingEndpoint(Endpoint, path="/films"):
    async def post(self) -> Started[Film]:
        return Started(stream=[Film("M")])

    async def put(self) -> StartedEvents[Film]:
        return StartedEvents(stream=[Film("M")])


def test_a_subclass_of_a_stream_response_sets_the_status_that_is_listed_and_sent() -> None:
    operations = document(StartingEndpoint())["paths"]["/films"]
    started, events = operations["post"]["responses"], operations["put"]["responses"]
    assert set(started) == {"201", "400", "406", "503"}
    assert len(started["201"]["content"]) > 2
    assert set(events) == {"202", "503"}
    assert list(events["202"]["content"]) == ["text/event-stream"]
    with TestClient(StartingApp()) as client:
        assert [client.post("/films").status_code, client.put("/films").status_code] == [201, 202]


class StartingApp(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(StartingEndpoint())
