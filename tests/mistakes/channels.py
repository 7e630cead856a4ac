"""Channels and runs: their stores, their names, what is published, and what is sent as a stream."""

from tests.mistakes.program import Mistake

MISTAKES = {
    "channel store closed": Mistake(
        "import",
        """
        store = MemoryStore()
        movies = Channel(store, "movies", Movie)

        class App(BaseApp):
            async def _wire(self) -> None:
                pass
        """,
        "MemoryStore is not open. Enter it in _wire: await self._aenter(store).",
    ),
    "channel in _wire store not opened": Mistake(
        "startup",
        """
        class App(BaseApp):
            async def _wire(self) -> None:
                self.movies = Channel(MemoryStore(), "movies", Movie)
        """,
        "MemoryStore is not open. Enter it in _wire: await self._aenter(store).",
    ),
    "channel swapped": Mistake(
        "startup",
        """
        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self.movies = Channel(store, Movie, "movies")
        """,
        "Channel(name=Movie): it is not text. The store needs a name to tell channels apart.",
    ),
    "channel forgot await aenter": Mistake(
        "startup",
        """
        class App(BaseApp):
            async def _wire(self) -> None:
                store = self._aenter(MemoryStore())
                self.movies = Channel(store, "movies", Movie)
        """,
        "Channel('movies'): the store is not awaited. Write store = await self._aenter(MemoryStore()).",
    ),
    "pydantic in channel": Mistake(
        "startup",
        """
        class Film(pydantic.BaseModel):
            title: str

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self.films = Channel(store, "films", Film)
        """,
        "Channel('films'): Film is a Pydantic model. Write a Struct with its fields.",
    ),
    "pydantic in runs": Mistake(
        "startup",
        """
        class Film(pydantic.BaseModel):
            title: str

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self.films = await self._aenter(Runs(store, Film))
        """,
        "Runs('runs'): Film is a Pydantic model. Write a Struct with its fields.",
    ),
    "publish wrong type": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self, channel: Channel[Movie]) -> None:
                self._channel = channel

            async def post(self, json: Movie) -> NoContent:
                await self._channel.publish({"name": json.title})
                return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self._include_endpoint(Movies(Channel(store, "movies", Movie)))
        """,
        "Channel('movies'): got dict, but it is for Movie. Give Movie(...).",
    ),
    "publish bytes": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self, channel: Channel[Movie]) -> None:
                self._channel = channel

            async def post(self, json: Movie) -> NoContent:
                await self._channel.publish(msgspec.json.encode(json))
                return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self._include_endpoint(Movies(Channel(store, "movies", Movie)))
        """,
        "Channel('movies'): got bytes, but it is for Movie. Give Movie(...).",
    ),
    "publish gap": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self, channel: Channel[Movie]) -> None:
                self._channel = channel

            async def post(self, json: Movie) -> NoContent:
                await self._channel.publish(json, event="gap")
                return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self._include_endpoint(Movies(Channel(store, "movies", Movie)))
        """,
        "Channel('movies'): event='gap' is reserved for the report of missed events. Use another type.",
    ),
    "channel as stream": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self, channel: Channel[Movie]) -> None:
                self._channel = channel

            async def get(self) -> SSEResponse[Movie]:
                return SSEResponse(stream=self._channel)

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self._include_endpoint(Movies(Channel(store, "movies", Movie)))
        """,
        "SSEResponse(stream=...): got Channel. Give what its method subscribe() returns.",
    ),
    "subscribe uncalled": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self, channel: Channel[Movie]) -> None:
                self._channel = channel

            async def get(self) -> SSEResponse[Movie]:
                return SSEResponse(stream=self._channel.subscribe)

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self._include_endpoint(Movies(Channel(store, "movies", Movie)))
        """,
        "SSEResponse(stream=...): got the method subscribe. Call it: write subscribe(...).",
    ),
    "runs not entered": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self, runs: Runs[Movie]) -> None:
                self._runs = runs

            async def _movies(self) -> AsyncIterator[Movie]:
                yield Movie("Up")

            async def post(self, json: Movie) -> str:
                run = await self._runs.start(self._movies(), owner="ann")
                return run.id

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self._include_endpoint(Movies(Runs(store, Movie)))
        """,
        "Runs('runs') is not open. Enter it in _wire: await self._aenter(runs).",
    ),
    "runs follow unawaited": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self, runs: Runs[Movie]) -> None:
                self._runs = runs

            async def get(self) -> SSEResponse[Movie]:
                return SSEResponse(stream=self._runs.follow("7", owner="ann"))

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self._include_endpoint(Movies(await self._aenter(Runs(store, Movie))))
        """,
        ("SSEResponse(stream=...): got coroutine. Runs.follow did not run: write await before Runs.follow(...)."),
    ),
    "runs start a coroutine": Mistake(
        "request",
        """
        class Movies(Endpoint, path="/movies"):
            def __init__(self, runs: Runs[Movie]) -> None:
                self._runs = runs

            async def _movies(self) -> AsyncIterator[Movie]:
                yield Movie("Up")

            async def post(self, json: Movie) -> str:
                run = await self._runs.start(self._movies, owner="ann")
                return run.id

        class App(BaseApp):
            async def _wire(self) -> None:
                store = await self._aenter(MemoryStore())
                self._include_endpoint(Movies(await self._aenter(Runs(store, Movie))))
        """,
        "Runs.start(source): got the method _movies. Call it: write _movies(...).",
    ),
}
