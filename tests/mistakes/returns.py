"""Values that a handler returns although its annotation says something else, and responses that cannot be made."""

from tests.mistakes.program import Mistake

MISTAKES = {
    "-> dict returns dict": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return {"title": "Up"}
        """,
        (
            "Movies.get returned dict; its return annotation says Movie. Return Movie(...), or annotate it "
            "with dict[str, Any]."
        ),
    ),
    "forgot return": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                Movie("Up")
        """,
        (
            "Movies.get returned None; its return annotation says Movie. Write return before the value, or "
            "annotate it with Movie | None to send null."
        ),
    ),
    "tuple": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def post(self, json: Movie) -> Movie:
                return (json, 201)
        """,
        (
            "Movies.post returned tuple; its return annotation says Movie. For another status, return "
            "JSONResponse(content=..., status_code=201) and annotate it with JSONResponse[Movie]."
        ),
    ),
    "numbers for movies": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> list[Movie]:
                return [1, 2]
        """,
        (
            "Movies.get returned list; its return annotation says list[Movie]. Its first item is of type "
            "int: return what the annotation says, or correct it."
        ),
    ),
    "one for list": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> list[Movie]:
                return Movie("Up")
        """,
        (
            "Movies.get returned Movie; its return annotation says list[Movie]. Return a list: put it in "
            "brackets, [...]."
        ),
    ),
    "coroutine": Mistake(
        "request",
        """
        async def find() -> Movie:
            return Movie("Up")

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return find()
        """,
        (
            "Movies.get returned coroutine; its return annotation says Movie. find did not run: write await "
            "before find(...)."
        ),
    ),
    "coroutine in response": Mistake(
        "request",
        """
        async def find() -> Movie:
            return Movie("Up")

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> JSONResponse[Movie]:
                return JSONResponse(content=find())
        """,
        (
            "Movies.get returned JSONResponse with coroutine as its content; its return annotation says "
            "JSONResponse[Movie]. find did not run: write await before find(...)."
        ),
    ),
    "coroutine in list": Mistake(
        "request",
        """
        async def find() -> Movie:
            return Movie("Up")

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> list[Movie]:
                return [find(), find()]
        """,
        (
            "Movies.get returned list; its return annotation says list[Movie]. find did not run: write await "
            "before find(...)."
        ),
    ),
    "coroutine as a stream": Mistake(
        "request",
        """
        async def find() -> list[Movie]:
            return [Movie("Up")]

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> NDJSONStreamingResponse[Movie]:
                return NDJSONStreamingResponse(stream=find())
        """,
        ("NDJSONStreamingResponse(stream=...): got coroutine. find did not run: write await before find(...)."),
    ),
    "coroutine as AsyncIterator": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def _all(self) -> AsyncIterator[Movie]:
                return self._films()

            async def _films(self) -> AsyncIterator[Movie]:
                yield Movie("Up")

            async def get(self) -> AsyncIterator[Movie]:
                return self._all()
        """,
        (
            "Movies.get returned coroutine; its return annotation says AsyncIterator[Movie]. Movies._all did "
            "not run: write await before Movies._all(...)."
        ),
    ),
    "module response stream": Mistake(
        "request",
        """
        async def movies() -> AsyncIterator[Movie]:
            yield Movie("Up")

        RESPONSE = NDJSONStreamingResponse(stream=movies())

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> NDJSONStreamingResponse[Movie]:
                return RESPONSE
        """,
        (
            "Movies.get returned a stream whose source, movies, was used before, so its items are gone. Make "
            "the source and its response inside the handler, for each request."
        ),
    ),
    "generator twice": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self) -> None:
                self._movies = (Movie(title) for title in ("Up", "Heat"))

            async def get(self) -> Iterator[Movie]:
                return self._movies
        """,
        (
            "Movies.get returned a stream whose source, a generator expression, was used before, so its "
            "items are gone. Make the source and its response inside the handler, for each request."
        ),
    ),
    "generator twice plain list": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> list[Movie]:
                return (Movie(title) for title in ("Up", "Heat"))
        """,
        (
            "Movies.get returned generator; its return annotation says list[Movie]. Annotate a stream with "
            "AsyncIterator[Item] or Iterator[Item], or return its items in a list."
        ),
    ),
    "class for instance": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie
        """,
        (
            "Movies.get returned the class Movie; its return annotation says Movie. Write Movie(...), which "
            "makes an instance."
        ),
    ),
    "response class": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def delete(self) -> NoContent:
                return NoContent
        """,
        (
            "Movies.delete returned the class NoContent; its return annotation says NoContent. Write "
            "NoContent(...), which makes an instance."
        ),
    ),
    "un-called generator": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def _movies(self) -> AsyncIterator[Movie]:
                yield Movie("Up")

            async def get(self) -> NDJSONStreamingResponse[Movie]:
                return NDJSONStreamingResponse(stream=self._movies)
        """,
        "NDJSONStreamingResponse(stream=...): got the method _movies. Call it: write _movies(...).",
    ),
    "un-called function": Mistake(
        "request",
        """
        def find() -> Movie:
            return Movie("Up")

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return find
        """,
        ("Movies.get returned the function find; its return annotation says Movie. Call it: write find(...)."),
    ),
    "returned instead of raised": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return NotFound("No such movie.")
        """,
        "Movies.get returned NotFound; its return annotation says Movie. Write raise instead of return.",
    ),
    "json string": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return msgspec.json.encode(Movie("Up"))
        """,
        (
            "Movies.get returned bytes; its return annotation says Movie. Return the value itself, which "
            "jero encodes as JSON, or annotate it with bytes."
        ),
    ),
    "wrong response class": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return JSONResponse(content=Movie("Up"), status_code=202)
        """,
        (
            "Movies.get returned JSONResponse; its return annotation says Movie. Return what the annotation "
            "says, or add JSONResponse to the annotation."
        ),
    ),
    "starlette response": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                from starlette.responses import JSONResponse
                return JSONResponse({"title": "Up"})
        """,
        (
            "Movies.get returned JSONResponse; its return annotation says Movie. Import JSONResponse from "
            "jero, which sends no others."
        ),
    ),
    "created no content": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def post(self, json: Movie) -> Created[Movie]:
                return Created(json.title)
        """,
        (
            "Movies.post returned Created with str as its content; its return annotation says "
            "Created[Movie]. Return what the annotation says, or correct the annotation."
        ),
    ),
    "dict headers": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> JSONResponse[Movie]:
                return JSONResponse(content=Movie("Up"), headers={"X-Total": "1"})
        """,
        "JSONResponse(headers=...): it is not a Struct. Pass a mapping or pairs as raw_headers.",
    ),
    "status 204 with body": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def delete(self) -> JSONResponse[Movie]:
                return JSONResponse(content=Movie("Up"), status_code=204)
        """,
        "JSONResponse(status_code=204): this status allows no body. Return NoContent.",
    ),
    "status str": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> JSONResponse[Movie]:
                return JSONResponse(content=Movie("Up"), status_code="201")
        """,
        "JSONResponse(status_code='201'): the status of a response is from 200 to 599.",
    ),
    "stream of one": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> NDJSONStreamingResponse[Movie]:
                return NDJSONStreamingResponse(stream=Movie("Up"))
        """,
        (
            "NDJSONStreamingResponse(stream=...) takes an iterable of items, an async iterable, or an async "
            "context manager that returns an async iterable; got Movie. Put a single item in a list, [item]."
        ),
    ),
    "streaming text": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> StreamingResponse:
                return StreamingResponse(stream=["Up"])
        """,
        "A StreamingResponse sends bytes; its stream yielded str. Encode it first.",
    ),
    "streaming str": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> StreamingResponse:
                return StreamingResponse(stream="Up")
        """,
        (
            "StreamingResponse(stream=...) takes an iterable of items, an async iterable, or an async "
            "context manager that returns an async iterable; got str. Put a single item in a list, [item]."
        ),
    ),
    "policy response": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> NDJSONStreamingResponse[Movie]:
                return NDJSONStreamingResponse(stream=[Movie("Up")], policy={"send_timeout": 5})
        """,
        "NDJSONStreamingResponse(policy=...): it is of type dict. Write policy=StreamPolicy(...).",
    ),
    "keepalive timedelta": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> SSEResponse[Movie]:
                return SSEResponse(stream=[Movie("Up")], keepalive=timedelta(seconds=5))
        """,
        ("SSEResponse(keepalive=datetime.timedelta(seconds=5)): it must be a positive number of seconds, or None."),
    ),
    "sse id": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> SSEResponse[Movie]:
                return SSEResponse(stream=[ServerSentEvent(id=100, data=Movie("Up"))])
        """,
        "ServerSentEvent(id=100): it must be text. Convert it with str().",
    ),
    "sse retry": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> SSEResponse[Movie]:
                return SSEResponse(stream=[ServerSentEvent(retry="5s")])
        """,
        "ServerSentEvent(retry='5s'): it must be a non-negative integer, milliseconds.",
    ),
    "lifecycle twice": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            async def _items(self) -> AsyncIterator[Movie]:
                yield Movie("Up")

            async def _lifecycle(self) -> AsyncIterator[AsyncIterable[Movie]]:
                yield self._items()
                yield self._items()

            async def get(self) -> NDJSONStreamingResponse[Movie]:
                return NDJSONStreamingResponse(stream=self._lifecycle())
        """,
        (
            "Movies._lifecycle yielded a second time; a lifecycle yields once. Write setup before the yield, "
            "teardown after it."
        ),
    ),
}
