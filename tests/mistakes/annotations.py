"""Return annotations of what jero cannot send, and annotations that are not types."""

from tests.mistakes.program import Mistake

MISTAKES = {
    "missing return annotation": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self):
                return Movie("Up")
        """,
        (
            "Movies.get: the return annotation is missing. Annotate what is sent: a Struct, "
            "AsyncIterator[Item] or a response."
        ),
    ),
    "-> None": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def delete(self) -> None:
                pass
        """,
        (
            "Movies.delete: the return annotation has None, which jero does not send. Write NoContent, and "
            "return NoContent()."
        ),
    ),
    "pydantic return": Mistake(
        "startup",
        """
        class Film(pydantic.BaseModel):
            title: str

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> list[Film]:
                return [Film(title="Up")]
        """,
        "Movies.get, return annotation: Film is a Pydantic model. Write a Struct with its fields.",
    ),
    "plain class": Mistake(
        "startup",
        """
        class Film:
            def __init__(self, title: str) -> None:
                self.title = title

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Film:
                return Film("Up")
        """,
        (
            "Movies.get, return annotation: msgspec has no JSON for Film. Use a Struct or another type that "
            "it knows, or give the application an encoder with an enc_hook."
        ),
    ),
    "generator -> int": Mistake(
        "startup",
        """
        class Numbers(Endpoint, path="/numbers"):
            async def get(self) -> int:
                yield 1
        """,
        ("Numbers.get: the handler is an async generator, but its return annotation is int. Write AsyncIterator[int]."),
    ),
    "generator -> NDJSON": Mistake(
        "startup",
        """
        class Numbers(Endpoint, path="/numbers"):
            async def get(self) -> NDJSONStreamingResponse[int]:
                yield 1
        """,
        (
            "Numbers.get: the handler is an async generator, but its return annotation is "
            "NDJSONStreamingResponse[int]. Write AsyncIterator[int], or yield in another method and return "
            "NDJSONStreamingResponse(stream=self._items())."
        ),
    ),
    "generator -> list": Mistake(
        "startup",
        """
        class Numbers(Endpoint, path="/numbers"):
            async def get(self) -> list[int]:
                yield 1
        """,
        (
            "Numbers.get: the handler is an async generator, but its return annotation is list[int]. Write "
            "AsyncIterator[int]."
        ),
    ),
    "AsyncIterator without an argument": Mistake(
        "startup",
        """
        class Numbers(Endpoint, path="/numbers"):
            async def get(self) -> AsyncIterator:
                yield 1
        """,
        (
            "Numbers.get: the handler is an async generator, but its return annotation is AsyncIterator. "
            "Write AsyncIterator[Item]."
        ),
    ),
    "undefined annotation": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> "Moovie":
                return Movie("Up")
        """,
        (
            "Movies.get: an annotation cannot be read: name 'Moovie' is not defined. Correct it, or define "
            "or import its names at the top of the module."
        ),
    ),
    "any annotation": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> any:
                return Movie("Up")
        """,
        ("Movies.get, return annotation: any is a function, and not a type. Write Any, imported from typing."),
    ),
    "value as annotation": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> 200:
                return Movie("Up")
        """,
        "Movies.get, return annotation: 200 is a value, and not a type. Write the type of what is sent.",
    ),
    "list literal annotation": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> [Movie]:
                return [Movie("Up")]
        """,
        "Movies.get, return annotation: [Movie] is a list, and not a type. Write list[Movie].",
    ),
    "tuple annotation": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> (Movie, int):
                return Movie("Up"), 201
        """,
        "Movies.get, return annotation: (Movie, int) is a tuple, and not a type. Write tuple[Movie, int].",
    ),
    "starlette response annotation": Mistake(
        "startup",
        """
        from starlette.responses import JSONResponse as StarletteResponse
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> StarletteResponse:
                return StarletteResponse({"title": "Up"})
        """,
        (
            "Movies.get, return annotation: msgspec has no JSON for JSONResponse. Use a Struct or another "
            "type that it knows, or give the application an encoder with an enc_hook."
        ),
    ),
    "sync get": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies.get: the handler is not async def. Write an async def that returns its response.",
    ),
    "sync get async returns": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def _find(self) -> Movie:
                return Movie("Up")

            def get(self) -> Movie:
                return self._find()
        """,
        "Movies.get: the handler is not async def. Write an async def that returns its response.",
    ),
    "sse in post": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def post(self, json: Movie) -> SSEResponse[Movie]:
                return SSEResponse(stream=[json])
        """,
        (
            "Movies.post: it returns an SSEResponse, but browsers open event streams only with GET. Name the "
            "handler get, or return EventStreamResponse[Item]."
        ),
    ),
}
