"""What is refused at startup: the message names the class, the method, what was found, and what to write instead."""

from collections.abc import AsyncIterator

import pytest

from jero import Endpoint, WiringError
from jero.contract.operation import read_operations
from tests.contract.declared import Movie, declared, read

STRUCT = "Annotate it with a Struct, a field for each value"
NAMED = "Write NDJSONStreamingResponse[Item], SSEResponse[Item] or JSONArrayStreamingResponse[Item]"
PARAMETERS = "Use one of path, params, headers, cookies, json, content"
HOOK = "Use a Struct or another type that it knows, or give the application an encoder with an enc_hook"


@pytest.mark.parametrize(
    ("signature", "found", "instead"),
    [
        (
            "async def get(self, movie_id: int) -> Movie",
            "the parameter 'movie_id: int' is nothing that jero binds",
            PARAMETERS,
        ),
        ("async def get(self, request) -> Movie", "the parameter 'request' is nothing that jero binds", PARAMETERS),
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
            "Annotate it with bytes",
        ),
        (
            "async def get(self, params: dict[str, str]) -> Movie",
            "parameter 'params': its type is dict[str, str]",
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
            "Annotate it with bytes",
        ),
        (
            "async def post(self, json: Foreign) -> Movie",
            "parameter 'json': msgspec has no JSON for Foreign",
            "Use a Struct",
        ),
        (
            "async def post(self, json: Movie | Book) -> Movie",
            "parameter 'json': msgspec cannot use ",
            "must be tagged",
        ),
        (
            "async def post(self, json: Movie, content: bytes) -> Movie",
            "json and content would both read the body",
            "Keep one of them",
        ),
        (
            "async def get(self, json: Movie) -> Movie",
            "'json' asks for the body of a GET, which has none",
            "Use params, or another operation",
        ),
        (
            "async def get(self, content: bytes) -> Movie",
            "'content' asks for the body of a GET",
            "Use params, or another operation",
        ),
        (
            "async def get(self, path: Page) -> Movie",
            "path: Page has the fields page, and the template '/movies/{movie_id}' the slots movie_id",
            "Make them the same",
        ),
    ],
)
def test_a_parameter_that_no_request_can_fill(signature: str, found: str, instead: str) -> None:
    expect(signature, found, instead)


@pytest.mark.parametrize(
    ("signature", "found", "instead"),
    [
        ("async def get(self)", "the return annotation is missing", "Say what is sent"),
        ("async def get(self) -> None", "the return annotation has None", "Write NoContent, and return NoContent()"),
        ("def get(self) -> Movie", "the handler is not async def", "Write an async def that returns its response"),
        ("async def get(self) -> AsyncIterator[Movie]", "the return annotation is ", NAMED),
        ("async def get(self) -> Iterator[Movie]", "the return annotation is ", NAMED),
        ("async def get(self) -> Foreign", "return annotation: msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> list[Foreign]", "msgspec has no JSON for Foreign in list[", HOOK),
        ("async def get(self) -> Holder", "msgspec has no JSON for Foreign in Holder", HOOK),
        ("async def get(self) -> JSONResponse[Foreign]", "msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> NDJSONStreamingResponse[Foreign]", "msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> SSEResponse[Holder]", "msgspec has no JSON for Foreign in Holder", HOOK),
        ("async def get(self) -> dict[tuple[int, int], str]", "return annotation", "dict"),
        ("async def get(self) -> Movie | Book", "return annotation: msgspec cannot use ", "must be tagged"),
        ("async def get(self) -> NDJSONStreamingResponse[Movie | Book]", "msgspec cannot use ", "must be tagged"),
        (
            "async def get(self) -> JSONResponse[Movie, str]",
            "the headers of JSONResponse are of type str",
            "Give a Struct",
        ),
        (
            "async def get(self) -> StreamingResponse[int]",
            "the headers of StreamingResponse are of type int",
            "Give a Struct",
        ),
        (
            "async def get(self) -> SSEResponse[Movie] | Movie",
            "a stream in a union with another response",
            "only NoContent can stand",
        ),
        (
            "async def get(self) -> SSEResponse[Movie] | str",
            "a stream in a union with another response",
            "only NoContent can stand",
        ),
        ("async def get(self) -> SSEResponse[Movie] | None", "the return annotation has None", "Write NoContent"),
        (
            "async def get(self) -> SSEResponse[Movie] | NDJSONStreamingResponse[Movie]",
            "a stream in a union with another response",
            "only NoContent can stand",
        ),
        (
            "async def post(self) -> SSEResponse[Movie]",
            "it returns an SSEResponse",
            "Name the handler get, or return NDJSONStreamingResponse",
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
def test_a_return_that_cannot_be_sent(signature: str, found: str, instead: str) -> None:
    expect(signature, found, instead)


def expect(signature: str, found: str, instead: str) -> None:
    method = signature.partition("def ")[2].partition("(")[0]
    with pytest.raises(WiringError) as refused:
        read(signature)
    message = str(refused.value)
    assert message.startswith(f"MoviesEndpoint.{method}")
    assert found in message
    assert instead in message
    assert message.endswith(".")


def test_an_async_generator_is_told_where_a_stream_comes_from() -> None:
    class MoviesEndpoint(Endpoint, path="/movies"):
        async def get(self) -> AsyncIterator[Movie]:
            yield Movie("a")

    with pytest.raises(
        WiringError, match=r"MoviesEndpoint\.get: the handler is an async generator\. Write an async def"
    ):
        read_operations(MoviesEndpoint(), None, has_enc_hook=False)


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
        ("movies", "MoviesEndpoint: The path 'movies' does not begin with '/'."),
        (
            "/{movie id}",
            "MoviesEndpoint: The segment '{movie id}' of the path '/{movie id}' is neither a literal nor one {slot}.",
        ),
    ],
)
def test_a_path_that_is_none(path: str | None, message: str) -> None:
    with pytest.raises(WiringError) as refused:
        read("async def get(self) -> Movie", path)
    assert str(refused.value) == message


def test_an_endpoint_without_operations() -> None:
    with pytest.raises(WiringError) as refused:
        read("async def head(self) -> Movie")
    assert (
        str(refused.value) == "MoviesEndpoint: the endpoint has no operation. Define get, post, put, patch or delete."
    )


@pytest.mark.parametrize(
    ("thing", "found"),
    [(Movie("a"), "Movie"), (type(declared("def get(self)")), "MoviesEndpoint, a class"), (None, "NoneType")],
)
def test_what_is_no_endpoint(thing: object, found: str) -> None:
    with pytest.raises(WiringError) as refused:
        read_operations(thing, None, has_enc_hook=False)
    assert str(refused.value) == f"_include_endpoint: got {found}. Give an instance of a subclass of Endpoint."
