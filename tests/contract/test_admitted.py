"""Endpoints that are admitted, and the plain data that they are read into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

import msgspec
import pytest
from msgspec import Struct
from typing_extensions import TypeVar

from jero import (
    Endpoint,
    EventStreamResponse,
    NDJSONStreamingResponse,
    Negotiated,
    NoContent,
    SSEResponse,
    StreamingResponse,
)
from jero.auth import BearerAuth
from jero.contract.inputs import Input
from jero.contract.operation import Operation, read_operations
from jero.contract.outputs import Output
from jero.responses.streaming import JSONArrayStreamingResponse
from jero.responses.whole import BytesResponse, Created, JSONResponse, TextResponse
from tests.contract.declared import Actor, Award, Cat, Dog, Foreign, Listing, Movie, Page, Slots, read

T = TypeVar("T")


class Total(Struct):
    x_total: int


def operations(endpoint: Endpoint, path: str | None = None) -> list[Operation]:
    return read_operations(endpoint, path, has_enc_hook=False)


@pytest.mark.parametrize(
    ("annotation", "outputs"),
    [
        ("Movie", (Output(None, Movie),)),
        ("Movie | None", (Output(None, Movie | None),)),
        ("list[Movie]", (Output(None, list[Movie]),)),
        ("Dog | Cat", (Output(None, Dog | Cat),)),
        ("Actor", (Output(None, Actor),)),
        ("Award", (Output(None, Award),)),
        ("str", (Output(None, str),)),
        ("bytes", (Output(None, bytes),)),
        ("'Movie'", (Output(None, Movie),)),
        ("Movie | str", (Output(None, str), Output(None, Movie))),
        ("Any", (Output(None, Any),)),
        ("JSONResponse[Movie]", (Output(JSONResponse, Movie),)),
        ("JSONResponse[Movie | list[Movie], Page]", (Output(JSONResponse, Movie | list[Movie], Page),)),
        ("Created[Movie, Page]", (Output(Created, Movie, Page),)),
        ("TextResponse", (Output(TextResponse),)),
        ("TextResponse[Page]", (Output(TextResponse, None, Page),)),
        ("BytesResponse[Page]", (Output(BytesResponse, None, Page),)),
        ("NoContent[Page]", (Output(NoContent, None, Page),)),
        ("Created[Movie] | NoContent", (Output(Created, Movie), Output(NoContent))),
        ("StreamingResponse", (Output(StreamingResponse),)),
        ("StreamingResponse[Page]", (Output(StreamingResponse, None, Page),)),
        ("NDJSONStreamingResponse[Movie, Page]", (Output(NDJSONStreamingResponse, Movie, Page),)),
        ("NDJSONStreamingResponse[Dog | Cat]", (Output(NDJSONStreamingResponse, Dog | Cat),)),
        ("JSONArrayStreamingResponse[int]", (Output(JSONArrayStreamingResponse, int),)),
        ("SSEResponse[Movie]", (Output(SSEResponse, Movie),)),
        ("SSEResponse", (Output(SSEResponse),)),
        ("EventStreamResponse[ServerSentEvent[Movie], Page]", (Output(EventStreamResponse, Movie, Page),)),
        ("EventStreamResponse[Movie] | NoContent", (Output(EventStreamResponse, Movie), Output(NoContent))),
        ("SSEResponse[Movie, Page]", (Output(SSEResponse, Movie, Page),)),
        ("SSEResponse[Movie] | NoContent", (Output(SSEResponse, Movie), Output(NoContent))),
        ("SSEResponse[ServerSentEvent[Movie]]", (Output(SSEResponse, Movie),)),
        ("SSEResponse[Movie | ServerSentEvent[Movie]]", (Output(SSEResponse, Movie),)),
        ("NDJSONStreamingResponse[ServerSentEvent]", (Output(NDJSONStreamingResponse, Any),)),
        *(
            (f"{annotation}", (Output(None, Movie, is_negotiated=True),))
            for annotation in (
                "AsyncIterator[Movie]",
                "AsyncIterable[Movie]",
                "AsyncGenerator[Movie, None]",
                "typing.AsyncIterator[Movie]",
                "Iterator[Movie]",
                "Iterable[Movie]",
                "Generator[Movie, None, None]",
                "typing.Iterator[Movie]",
                "AsyncGenerator[AsyncIterable[Movie], StreamOutcome]",
                "AbstractAsyncContextManager[AsyncIterable[Movie]]",
                "AsyncIterator[ServerSentEvent[Movie]]",
                "AsyncIterator[Movie | ServerSentEvent[Movie]]",
            )
        ),
        ("AsyncIterator[Dog | Cat]", (Output(None, Dog | Cat, is_negotiated=True),)),
        ("AsyncIterator[list[int]]", (Output(None, list[int], is_negotiated=True),)),
        ("Movie | EventStreamResponse[int]", (Output(EventStreamResponse, int), Output(None, Movie))),
        (
            "JSONResponse[Movie, Page] | NDJSONStreamingResponse[int] | NoContent",
            (Output(JSONResponse, Movie, Page), Output(NDJSONStreamingResponse, int), Output(NoContent)),
        ),
        (
            "JSONArrayStreamingResponse[Movie] | list[Movie] | None",
            (Output(JSONArrayStreamingResponse, Movie), Output(None, list[Movie] | None)),
        ),
        (
            "StreamingResponse | BytesResponse | str",
            (Output(StreamingResponse), Output(BytesResponse), Output(None, str)),
        ),
        ("Negotiated[Movie]", (Output(Negotiated, Movie, is_negotiated=True),)),
        ("Negotiated[Movie | ServerSentEvent[Movie], Page]", (Output(Negotiated, Movie, Page, is_negotiated=True),)),
        ("Negotiated[Movie] | NoContent", (Output(Negotiated, Movie, is_negotiated=True), Output(NoContent))),
        ("AsyncIterator[Movie] | NoContent", (Output(None, Movie, is_negotiated=True), Output(NoContent))),
    ],
)
def test_a_return_annotation_is_read_into_outputs(annotation: str, outputs: tuple[Output, ...]) -> None:
    found = read(f"async def get(self) -> {annotation}").outputs
    assert tuple(msgspec.structs.replace(output, fast_types=frozenset()) for output in found) == outputs


@pytest.mark.parametrize(
    ("signature", "inputs"),
    [
        ("async def get(self) -> Movie", ()),
        ("async def get(self, path: Slots) -> Movie", (Input("path", Slots),)),
        ("async def get(self, *, params: 'Page') -> Movie", (Input("params", Page),)),
        ("async def post(self, json: Dog | Cat | None) -> Movie", (Input("json", Dog | Cat | None),)),
        ("async def post(self, json: dict[str, int]) -> Movie", (Input("json", dict[str, int]),)),
        ("async def post(self, json: Listing[Movie]) -> Movie", (Input("json", Listing[Movie]),)),
        ("async def get(self, params: Listing[int]) -> Movie", (Input("params", Listing[int]),)),
        ("async def get(self, headers: Listing[int]) -> Movie", (Input("headers", Listing[int]),)),
        ("async def get(self, cookies: Listing[int]) -> Movie", (Input("cookies", Listing[int]),)),
        ("async def delete(self, content: bytes) -> Movie", (Input("content", bytes),)),
        ("async def put(self, content: AsyncIterator[bytes]) -> Movie", (Input("content", bytes, is_stream=True),)),
        ("async def put(self, content: AsyncIterable[bytes]) -> Movie", (Input("content", bytes, is_stream=True),)),
        ("async def put(self, items: AsyncIterator[Movie]) -> Movie", (Input("items", Movie, is_stream=True),)),
        ("async def put(self, items: typing.AsyncIterable[Any]) -> Movie", (Input("items", Any, is_stream=True),)),
        (
            "async def put(self, items: AsyncIterator[Dog | Cat]) -> AsyncIterator[Dog]: yield",
            (Input("items", Dog | Cat, is_stream=True),),
        ),
        (
            "async def put(self, headers: Page, cookies: Page, path: Slots, params: Page, json: Movie) -> Movie",
            (
                Input("headers", Page),
                Input("cookies", Page),
                Input("path", Slots),
                Input("params", Page),
                Input("json", Movie),
            ),
        ),
    ],
)
def test_parameters_are_read_into_inputs(signature: str, inputs: tuple[Input, ...]) -> None:
    assert read(signature).inputs == inputs


def test_an_enc_hook_admits_a_foreign_class() -> None:
    [output] = read("async def get(self) -> list[Foreign]", has_enc_hook=True).outputs
    assert output.content == list[Foreign]


def test_generic_structs_and_string_annotations_are_read() -> None:
    class MoviesEndpoint(Endpoint, path="/movies"):
        async def get(self) -> NDJSONStreamingResponse[Listing[Movie], Total]:
            raise NotImplementedError

        async def post(self, json: Listing[Movie]) -> Listing[Movie] | None:
            return json

    get, post = operations(MoviesEndpoint())
    assert get.outputs == (Output(NDJSONStreamingResponse, Listing[Movie], Total),)
    assert post.inputs == (Input("json", Listing[Movie]),)


def test_a_dataclass_endpoint_is_read() -> None:
    @dataclass
    class MoviesEndpoint(Endpoint, path="/movies"):
        titles: list[str]

        async def get(self) -> list[str]:
            return self.titles

    [operation] = operations(MoviesEndpoint(["a"]))
    assert (operation.name, operation.method, operation.template.text) == ("MoviesEndpoint", "GET", "/movies")


def test_a_dataclass_endpoint_with_slots_is_read() -> None:
    @dataclass(slots=True, frozen=True)
    class MoviesEndpoint(Endpoint, path="/movies"):
        titles: tuple[str, ...]

        async def get(self) -> tuple[str, ...]:
            return self.titles

    [operation] = operations(MoviesEndpoint(("a",)))
    assert operation.template.text == "/movies"


class Reading(Endpoint, Generic[T], path="/inherited"):
    async def get(self) -> SSEResponse[T]:
        raise NotImplementedError


class Writing(Reading[Movie]):
    async def post(self, json: Movie) -> Movie:
        return json


class Silent(Writing, path="/silent"):
    pass


setattr(Silent, "post", None)  # noqa: B010 - removes the operation, for which type checkers know no annotation


def test_operations_and_the_path_are_inherited() -> None:
    assert [(found.method, found.template.text, found.name) for found in operations(Writing())] == [
        ("GET", "/inherited", "Writing"),
        ("POST", "/inherited", "Writing"),
    ]
    assert [(found.method, found.template.text) for found in operations(Silent())] == [("GET", "/silent")]


def test_a_path_at_include_replaces_the_path_of_the_class() -> None:
    [operation, _] = operations(Writing(), "/elsewhere/{a}")
    assert (operation.template.text, operation.template.slots) == ("/elsewhere/{a}", ("a",))


def test_a_handler_need_not_take_the_slots() -> None:
    assert read("async def get(self) -> Movie", "/{a}/{b}").inputs == ()


def test_a_static_handler_is_read() -> None:
    class MoviesEndpoint(Endpoint, path="/movies"):
        @staticmethod
        async def get(params: Page) -> Movie:
            return Movie(str(params.page))

    [operation] = operations(MoviesEndpoint())
    assert operation.inputs == (Input("params", Page),)


def test_a_response_class_of_the_user_is_read() -> None:
    class Movies(NDJSONStreamingResponse[Movie], frozen=True):
        pass

    class MoviesEndpoint(Endpoint, path="/movies"):
        async def get(self) -> Movies:
            raise NotImplementedError

    MoviesEndpoint.get.__annotations__["return"] = Movies  # a local class is not a global name
    [operation] = operations(MoviesEndpoint())
    assert operation.outputs == (Output(Movies, Movie, None, frozenset({Movie})),)
    assert operation.outputs[0].is_stream


def test_an_output_knows_whether_it_is_a_stream() -> None:
    union = read("async def get(self) -> SSEResponse[Movie] | NoContent").outputs
    assert [output.is_stream for output in union] == [True, False]
    assert [output.is_stream for output in read("async def get(self) -> Movie").outputs] == [False]


@pytest.mark.parametrize(
    ("annotation", "status", "media_types"),
    [
        ("Movie", 200, ("application/json",)),
        ("str", 200, ("text/plain; charset=utf-8",)),
        ("bytes", 200, ("application/octet-stream",)),
        ("JSONResponse[Movie]", 200, ("application/json",)),
        ("Created[Movie]", 201, ("application/json",)),
        ("Accepted[Movie]", 202, ("application/json",)),
        ("TextResponse", 200, ("text/plain; charset=utf-8",)),
        ("BytesResponse", 200, ("application/octet-stream",)),
        ("NoContent", 204, ()),
        ("StreamingResponse", 200, ("application/octet-stream",)),
        ("NDJSONStreamingResponse[Movie]", 200, ("application/x-ndjson", "application/jsonl")),
        ("SSEResponse[Movie]", 200, ("text/event-stream",)),
        ("EventStreamResponse[Movie]", 200, ("text/event-stream",)),
        ("JSONArrayStreamingResponse[Movie]", 200, ("application/json",)),
        (
            "AsyncIterator[Movie]",
            200,
            ("application/x-ndjson", "application/jsonl", "text/event-stream", "application/json"),
        ),
    ],
)
def test_the_status_and_the_media_types_of_an_output(
    annotation: str, status: int, media_types: tuple[str, ...]
) -> None:
    [output] = read(f"async def get(self) -> {annotation}").outputs
    assert (output.statuses, output.media_types) == ((status,), media_types)


class Users(BearerAuth[Dog]):
    async def verify(self, token: str) -> Dog:
        raise NotImplementedError


@pytest.mark.parametrize("annotation", ["Dog", "Dog | None", "Dog | Cat", "Any", "object"])
def test_a_parameter_may_take_the_type_of_the_user_or_a_wider_type(annotation: str) -> None:
    operation = read(f"async def get(self, user: {annotation}) -> Movie", auth=Users())
    assert [input_.name for input_ in operation.inputs] == ["user"]
    assert operation.authentication is not None
    assert operation.authentication.user is Dog
