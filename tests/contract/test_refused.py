"""Endpoints that are refused at startup. The message names the class, the method, the fault and what to write."""

import re

import pytest

from jero import WiringError
from jero.auth import BearerAuth
from jero.contract.dependencies import Dependencies
from jero.contract.operation import read_operations, resolved
from tests.contract.declared import Movie, read

STRUCT = "Annotate it with a Struct, a field for each value"
NAMED = (
    "Write AsyncIterator[Item], NDJSONStreamingResponse[Item], SSEResponse[Item] or JSONArrayStreamingResponse[Item]"
)
PARAMETERS = "Use one of path, params, headers, cookies, json, items, content, form, user, request"
REQUEST = "Annotate it with Request, imported from jero"
ITEMS = "Annotate it with AsyncIterator[Item]"
BYTES = "Annotate it with bytes, or with AsyncIterator[bytes]"
UNTAGGED = "Movie | Book has a union of Structs without tags, which JSON cannot tell apart"
TAG = "Write class Movie(Struct, tag=True), and the same for the others"
HOOK = "Use a Struct or another type that it knows, or give the application an encoder with an enc_hook"


@pytest.mark.parametrize(
    ("signature", "found", "instead"),
    [
        (
            "async def get(self, movie_id: int) -> Movie",
            "jero cannot bind the parameter 'movie_id: int', because it binds arguments by fixed names",
            "Write path: P, with a Struct P that has the field movie_id: int",
        ),
        ("async def get(self, movie) -> Movie", "jero cannot bind the parameter 'movie', because", PARAMETERS),
        ("async def get(self, request) -> Movie", "the parameter 'request' has no annotation", REQUEST),
        (
            "async def get(self, request: Page) -> Movie",
            "parameter 'request': its type is Page, but the request is of jero's class Request",
            REQUEST,
        ),
        ("async def get(self, *params: Page) -> Movie", "'*params: ", PARAMETERS),
        ("async def get(self, **headers: Page) -> Movie", "'**headers: ", PARAMETERS),
        ("async def get(self, params: Page, /) -> Movie", "'params: ", "Use one of"),
        ("async def get(self, params) -> Movie", "the parameter 'params' has no annotation", STRUCT),
        (
            "async def post(self, json) -> Movie",
            "the parameter 'json' has no annotation",
            "Annotate it with the type of the body",
        ),
        (
            "async def post(self, content) -> Movie",
            "the parameter 'content' has no annotation",
            BYTES,
        ),
        (
            "async def get(self, params: dict[str, str]) -> Movie",
            "parameter 'params': its type is dict[str, str], which is not a Struct",
            STRUCT,
        ),
        ("async def get(self, headers: str) -> Movie", "parameter 'headers': its type is str", STRUCT),
        ("async def get(self, cookies: Page | None) -> Movie", "parameter 'cookies': its type is ", STRUCT),
        ("async def get(self, path: Actor) -> Movie", "parameter 'path': its type is Actor", STRUCT),
        (
            "async def get(self, params: Holder) -> Movie",
            "parameter 'params': msgspec has no JSON for Foreign in Holder",
            "Use a Struct",
        ),
        ("async def get(self, params: Positional) -> Movie", "parameter 'params'", "Positional"),
        (
            "async def post(self, content: str) -> Movie",
            "parameter 'content': its type is str",
            BYTES,
        ),
        ("async def post(self, content: list[bytes]) -> Movie", "parameter 'content': its type is list[bytes]", BYTES),
        ("async def post(self, content: AsyncIterator[str]) -> Movie", "its type is AsyncIterator[str]", BYTES),
        ("async def post(self, content: AsyncIterator) -> Movie", "its type is AsyncIterator", BYTES),
        ("async def post(self, content: Iterator[bytes]) -> Movie", "its type is Iterator[bytes]", BYTES),
        ("async def post(self, items) -> Movie", "the parameter 'items' has no annotation", ITEMS),
        ("async def post(self, items: list[int]) -> Movie", "parameter 'items': its type is list[int]", ITEMS),
        ("async def post(self, items: Movie) -> Movie", "parameter 'items': its type is Movie", ITEMS),
        ("async def post(self, items: AsyncIterator) -> Movie", "parameter 'items': its type is AsyncIterator", ITEMS),
        ("async def post(self, items: Iterator[int]) -> Movie", "its type is Iterator[int]", ITEMS),
        ("async def post(self, items: AsyncGenerator[int, None]) -> Movie", "its type is AsyncGenerator[", ITEMS),
        ("async def post(self, items: AsyncIterator[Foreign]) -> Movie", "msgspec has no JSON for Foreign", "Use a "),
        ("async def post(self, items: AsyncIterator[Movie | Book]) -> Movie", UNTAGGED, TAG),
        (
            "def post(self, items: AsyncIterator[int]) -> Iterator[int]: yield",
            "'items' is read with async for, but the handler is a generator that runs in a thread",
            "Write an async generator",
        ),
        (
            "async def post(self, items: AsyncIterator[int], json: Movie) -> Movie",
            "items and json would both read the body",
            "Keep one of them",
        ),
        (
            "async def get(self, items: AsyncIterator[Movie]) -> Movie",
            "'items' is read from the body, but a GET request has no body",
            "Use params, or another operation",
        ),
        (
            "async def get(self, user: Movie) -> Movie",
            "no authenticator fills the parameter 'user'",
            "Include the endpoint with auth=, or remove user",
        ),
        ("async def get(self, user) -> Movie", "the parameter 'user' has no annotation", "Annotate it with the type"),
        (
            "async def post(self, json: Foreign) -> Movie",
            "parameter 'json': msgspec has no JSON for Foreign",
            "Use a Struct",
        ),
        (
            "async def post(self, json: Movie | Book) -> Movie",
            f"parameter 'json': {UNTAGGED}",
            TAG,
        ),
        (
            "async def post(self, json: Movie, content: bytes) -> Movie",
            "json and content would both read the body",
            "Keep one of them",
        ),
        (
            "async def get(self, json: Movie) -> Movie",
            "'json' is read from the body, but a GET request has no body",
            "Use params, or another operation",
        ),
        (
            "async def get(self, content: bytes) -> Movie",
            "'content' is read from the body, but a GET request has no body",
            "Use params, or another operation",
        ),
        (
            "async def get(self, path: Page) -> Movie",
            "path: Page has the fields [page], but the template '/movies/{movie_id}' has the slots [movie_id]",
            "Use the same names",
        ),
    ],
)
def test_a_parameter_that_no_request_can_fill_is_refused(signature: str, found: str, instead: str) -> None:
    expect(signature, found, instead)


@pytest.mark.parametrize(
    ("signature", "found", "instead"),
    [
        ("async def get(self)", "the return annotation is missing", "Annotate what is sent"),
        ("async def get(self) -> None", "the return annotation has None", "Write NoContent, and return NoContent()"),
        ("def get(self) -> Movie", "the handler is not async def", "Write an async def that returns its response"),
        ("def get(self) -> AsyncIterator[Movie]", "the handler is not async def", "Write an async def"),
        ("async def get(self) -> AsyncIterator", "is AsyncIterator, which does not name the type of its items", NAMED),
        ("async def get(self) -> Iterator", "is Iterator, which does not name the type of its items", NAMED),
        ("async def get(self) -> Generator", "is Generator, which does not name the type of its items", NAMED),
        (
            "async def get(self) -> AbstractAsyncContextManager[Movie]",
            "which does not name the type of its items",
            NAMED,
        ),
        (
            "async def get(self) -> AsyncGenerator[AsyncIterable, None]",
            "which does not name the type of its items",
            NAMED,
        ),
        ("async def get(self) -> Subscription", "is Subscription, which does not name the type of its items", NAMED),
        ("async def get(self) -> AsyncIterator[Foreign]", "return annotation: msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> AsyncIterator[Movie | Book]", UNTAGGED, TAG),
        ("async def get(self) -> Iterator[ServerSentEvent[Foreign]]", "msgspec has no JSON for Foreign", HOOK),
        *(
            (
                f"async def get(self) -> AsyncIterator[Movie] | {other}",
                "a stream without a format in a union with another response",
                "instead of AsyncIterator[Item]; only NoContent and Redirect can be in a union with that",
            )
            for other in ("Movie", "str", "JSONResponse[Movie]", "Created[Movie] | NoContent")
        ),
        *(
            (
                f"async def get(self) -> Negotiated[Movie] | {other}",
                "a stream without a format in a union with another response",
                "instead of Negotiated[Item]; only NoContent and Redirect can be in a union with that",
            )
            for other in ("Movie", "JSONResponse[Movie]", "Created[Movie] | NoContent")
        ),
        (
            "async def get(self) -> Negotiated[Movie]: yield",
            "the handler is an async generator, but its return annotation is Negotiated[Movie",
            "Write AsyncIterator[Movie], or yield in another method and return Negotiated(stream=self._items())",
        ),
        (
            "async def get(self) -> Negotiated[Movie, Typed]",
            "the headers of Negotiated have a Content-Type, which the client's Accept chooses",
            "Leave it out, or write NDJSONStreamingResponse[Item]",
        ),
        (
            "async def get(self) -> Negotiated[str | Movie]",
            "the items are str | Movie",
            "Use a Struct with a field for",
        ),
        ("async def get(self) -> Negotiated[Foreign]", "return annotation: msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> AsyncIterator[Movie] | None", "the return annotation has None", "Write NoContent"),
        *(
            (
                f"async def get(self) -> {streams}",
                "the return annotation has more than one stream",
                "Keep one of them; if the client is to choose the format, return AsyncIterator[Item]",
            )
            for streams in (
                "AsyncIterator[int] | Iterator[int]",
                "AsyncIterator[int] | SSEResponse[int]",
                "AsyncIterator[int] | Negotiated[int]",
                "Negotiated[int] | SSEResponse[int] | NoContent",
                "SSEResponse[Movie] | NDJSONStreamingResponse[Movie]",
                "SSEResponse[Movie] | EventStreamResponse[Movie] | Movie",
                "NDJSONStreamingResponse[Movie] | NDJSONStreamingResponse[int] | NoContent",
            )
        ),
        (
            "async def post(self) -> SSEResponse[Movie] | Movie",
            "it returns an SSEResponse",
            "EventStreamResponse[Item]",
        ),
        *(
            (
                f"{handler} get(self) -> {annotation}: yield",
                f"the handler is {found} generator, but its return annotation is {annotation}",
                f"Write {iterator}[",
            )
            for handler, found, iterator, wrong in (
                ("async def", "an async", "AsyncIterator", "Iterator[int]"),
                ("def", "a", "Iterator", "AsyncIterator[int]"),
            )
            for annotation in (
                "list[int]",
                "int",
                "Movie",
                f"{iterator}[int] | NoContent",
                wrong,
            )
        ),
        ("async def get(self): yield", "the return annotation is missing", "Annotate what is sent"),
        ("async def get(self) -> Foreign", "return annotation: msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> list[Foreign]", "msgspec has no JSON for Foreign in list[", HOOK),
        ("async def get(self) -> Holder", "msgspec has no JSON for Foreign in Holder", HOOK),
        ("async def get(self) -> JSONResponse[Foreign]", "msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> NDJSONStreamingResponse[Foreign]", "msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> SSEResponse[Holder]", "msgspec has no JSON for Foreign in Holder", HOOK),
        ("async def get(self) -> dict[tuple[int, int], str]", "return annotation", "dict"),
        ("async def get(self) -> Movie | Book", f"return annotation: {UNTAGGED}", TAG),
        ("async def get(self) -> NDJSONStreamingResponse[Movie | Book]", UNTAGGED, TAG),
        (
            "async def get(self) -> JSONResponse[Movie, str]",
            "the headers of JSONResponse are of type str, which is not a Struct",
            "Name a Struct",
        ),
        (
            "async def get(self) -> StreamingResponse[int]",
            "the headers of StreamingResponse are of type int, which is not a Struct",
            "Name a Struct",
        ),
        ("async def get(self) -> SSEResponse[Movie] | None", "the return annotation has None", "Write NoContent"),
        (
            "async def post(self) -> SSEResponse[Movie]",
            "it returns an SSEResponse",
            "Name the handler get, or return EventStreamResponse[Item]",
        ),
        (
            "async def delete(self) -> SSEResponse[Movie] | NoContent",
            "it returns an SSEResponse",
            "Name the handler get",
        ),
        (
            "async def get(self) -> 'Missing'",
            "an annotation cannot be read: name 'Missing' is not defined",
            "efine or import its names at the top of the module",
        ),
        (
            "async def get(self, params: 'Missing') -> Movie",
            "an annotation cannot be read: name 'Missing'",
            "efine or import its names at the top of the module",
        ),
        ("async def get(self) -> 'Movie.Missing'", "an annotation cannot be read: ", "Missing"),
        ("async def get(self) -> 'Movie |'", "an annotation cannot be read: ", "Movie |"),
    ],
)
def test_a_return_that_cannot_be_sent_is_refused(signature: str, found: str, instead: str) -> None:
    expect(signature, found, instead)


def expect(signature: str, found: str, instead: str) -> None:
    method = signature.partition("def ")[2].partition("(")[0]
    with pytest.raises(WiringError) as refused:
        resolved(read(signature), Dependencies())
    message = str(refused.value)
    assert message.startswith(f"MoviesEndpoint.{method}")
    assert found in message
    assert instead in message
    assert message.endswith(".")


class Movies(BearerAuth[Movie]):
    async def verify(self, token: str) -> Movie:
        raise NotImplementedError


class Guests(BearerAuth[Movie | None]):
    async def verify(self, token: str) -> Movie | None:
        raise NotImplementedError


@pytest.mark.parametrize("annotation", ["Book", "str", "Dog | Cat", "int", "list[Movie]"])
def test_a_user_of_another_type_is_refused(annotation: str) -> None:
    with pytest.raises(WiringError) as refused:
        read(f"async def get(self, user: {annotation}) -> Movie", auth=Movies())
    message = str(refused.value)
    assert message.startswith("MoviesEndpoint.get, parameter 'user': its type is ")
    assert message.endswith("but the authenticator returns Movie. Annotate it with Movie.")


def test_an_authenticator_that_admits_anonymous_callers_needs_an_optional_user() -> None:
    with pytest.raises(WiringError, match=r"its type is Movie, but the authenticator returns .*Movie \| None"):
        read("async def get(self, user: Movie) -> Movie", auth=Guests())
    assert read("async def get(self, user: Movie | None) -> Movie", auth=Guests()).inputs


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            None,
            (
                "MoviesEndpoint: the endpoint has no path. "
                'Write class MoviesEndpoint(Endpoint, path="/..."), or include it with path=.'
            ),
        ),
        ("movies", "MoviesEndpoint: The path 'movies' does not begin with '/'. Write '/movies'."),
        (
            "/{movie id}",
            (
                "MoviesEndpoint: The segment '{movie id}' of the path '/{movie id}' is neither a literal nor a slot. "
                "Write a slot as a name in braces, such as {movie_id}."
            ),
        ),
    ],
)
def test_an_unusable_path_is_refused(path: str | None, message: str) -> None:
    with pytest.raises(WiringError) as refused:
        read("async def get(self) -> Movie", path)
    assert str(refused.value) == message


def test_an_endpoint_without_operations_is_refused() -> None:
    with pytest.raises(WiringError) as refused:
        read("async def head(self) -> Movie")
    assert (
        str(refused.value) == "MoviesEndpoint: the endpoint has no operation. Define get, post, put, patch or delete."
    )


@pytest.mark.parametrize(
    ("thing", "found"),
    [(Movie("a"), "Movie"), (type("Films", (), {})(), "Films"), (Movie, "StructMeta"), (None, "NoneType")],
)
def test_another_object_than_an_endpoint_is_refused(thing: object, found: str) -> None:
    with pytest.raises(WiringError) as refused:
        read_operations(thing, None, has_enc_hook=False)
    assert str(refused.value) == f"_include_endpoint: got {found}. Give an instance of a subclass of Endpoint."


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize(
    "returned",
    ["AsyncIterator", "list[Movie] | AsyncIterator", "Movie | Negotiated[Movie]", "Negotiated[Movie, Typed]"],
)
def test_each_response_that_a_refusal_names_is_admitted_for_the_method(method: str, returned: str) -> None:
    with pytest.raises(WiringError) as refused:
        read(f"async def {method}(self) -> {returned}")
    named = re.findall(r"\w+\[Item\]", str(refused.value).split(" instead of ")[0])
    assert {"NDJSONStreamingResponse[Item]", "JSONArrayStreamingResponse[Item]"} < set(named)
    assert ("SSEResponse[Item]" in named) == (method == "get")
    for name in named:
        [output] = read(f"async def {method}(self) -> {name.replace('Item', 'Movie')}").outputs
        assert output.is_stream
