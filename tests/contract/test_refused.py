"""What is refused at startup: the message names the class, the method, what was found, and what to write instead."""

import pytest

from jero import WiringError
from jero.auth import BearerAuth
from jero.contract.operation import read_operations
from tests.contract.declared import Movie, declared, read

STRUCT = "Annotate it with a Struct, a field for each value"
NAMED = (
    "Write AsyncIterator[Item], NDJSONStreamingResponse[Item], SSEResponse[Item] or JSONArrayStreamingResponse[Item]"
)
PARAMETERS = "Use one of path, params, headers, cookies, json, items, content, user"
ITEMS = "Annotate it with AsyncIterator[Item]"
BYTES = "Annotate it with bytes, or with AsyncIterator[bytes]"
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
            BYTES,
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
        ("async def post(self, items: AsyncIterator[Movie | Book]) -> Movie", "msgspec cannot use ", "must be tagged"),
        (
            "def post(self, items: AsyncIterator[int]) -> Iterator[int]: yield",
            "'items' is read by async for, and the handler is a generator that runs in a thread",
            "Write an async generator",
        ),
        (
            "async def post(self, items: AsyncIterator[int], json: Movie) -> Movie",
            "items and json would both read the body",
            "Keep one of them",
        ),
        (
            "async def get(self, items: AsyncIterator[Movie]) -> Movie",
            "'items' asks for the body of a GET, which has none",
            "Use params, or another operation",
        ),
        (
            "async def get(self, user: Movie) -> Movie",
            "the parameter 'user' is taken, and nobody is asked who calls",
            "Include the endpoint with auth=",
        ),
        ("async def get(self, user) -> Movie", "the parameter 'user' has no annotation", "Annotate it with the type"),
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
        ("def get(self) -> AsyncIterator[Movie]", "the handler is not async def", "Write an async def"),
        ("async def get(self) -> AsyncIterator", "is AsyncIterator, which names no type of items", NAMED),
        ("async def get(self) -> Iterator", "is Iterator, which names no type of items", NAMED),
        ("async def get(self) -> Generator", "is Generator, which names no type of items", NAMED),
        ("async def get(self) -> AbstractAsyncContextManager[Movie]", "which names no type of items", NAMED),
        ("async def get(self) -> AsyncGenerator[AsyncIterable, None]", "which names no type of items", NAMED),
        ("async def get(self) -> Subscription", "is Subscription, which names no type of items", NAMED),
        ("async def get(self) -> AsyncIterator[Foreign]", "return annotation: msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> AsyncIterator[Movie | Book]", "msgspec cannot use ", "must be tagged"),
        ("async def get(self) -> Iterator[ServerSentEvent[Foreign]]", "msgspec has no JSON for Foreign", HOOK),
        ("async def get(self) -> AsyncIterator[Movie] | Movie", "a stream in a union", "only NoContent can stand"),
        ("async def get(self) -> AsyncIterator[Movie] | None", "the return annotation has None", "Write NoContent"),
        ("async def get(self) -> AsyncIterator[int] | Iterator[int]", "a stream in a union", "only NoContent can"),
        ("async def get(self) -> AsyncIterator[int] | SSEResponse[int]", "a stream in a union", "only NoContent can"),
        *(
            (
                f"{handler} get(self) -> {annotation}: yield",
                f"the handler is {found} generator, and its return annotation is {annotation}",
                f"Write {iterator}[Item]",
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
        ("async def get(self): yield", "the return annotation is missing", "Say what is sent"),
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
            "Name the handler get, or return AsyncIterator[Item] or NDJSONStreamingResponse[Item]",
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


class Movies(BearerAuth[Movie]):
    async def verify(self, token: str) -> Movie:
        raise NotImplementedError


class Guests(BearerAuth[Movie | None]):
    async def verify(self, token: str) -> Movie | None:
        raise NotImplementedError


@pytest.mark.parametrize("annotation", ["Book", "str", "Dog | Cat", "int", "list[Movie]"])
def test_a_user_of_another_type_than_the_authenticators(annotation: str) -> None:
    with pytest.raises(WiringError) as refused:
        read(f"async def get(self, user: {annotation}) -> Movie", auth=Movies())
    message = str(refused.value)
    assert message.startswith("MoviesEndpoint.get, parameter 'user': its type is ")
    assert message.endswith("and the authenticator returns Movie. Annotate it with Movie.")


def test_who_admits_callers_without_credentials_has_a_user_that_may_be_none() -> None:
    with pytest.raises(WiringError, match=r"its type is Movie, and the authenticator returns .*Movie \| None"):
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
