"""Paths, settings, and what `_wire` includes: endpoints, policies, resources, middleware."""

from tests.mistakes.program import Mistake

MISTAKES = {
    "path without slash": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="movies"):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: The path 'movies' does not begin with '/'. Write '/movies'.",
    ),
    "no path": Mistake(
        "startup",
        """
        class Movies(Endpoint):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        ('Movies: the endpoint has no path. Write class Movies(Endpoint, path="/..."), or include it with path=.'),
    ),
    "path full url": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="http://localhost/movies"):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: The path 'http://localhost/movies' is a URL. Write '/movies' alone.",
    ),
    "path with query": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies?limit={limit}"):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies: The path '/movies?limit={limit}' has a query. Write '/movies' alone, and read the query "
            "with params."
        ),
    ),
    "flask path": Mistake(
        "startup",
        """
        class OneMovie(Endpoint, path="/movies/<movie_id>"):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        (
            "OneMovie: The segment '<movie_id>' of the path '/movies/<movie_id>' is neither a literal nor a "
            "slot. Write {movie_id}, and its type in the Struct of the parameter path."
        ),
    ),
    "starlette path": Mistake(
        "startup",
        """
        class OneMovie(Endpoint, path="/movies/{movie_id:int}"):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        (
            "OneMovie: The segment '{movie_id:int}' of the path '/movies/{movie_id:int}' is neither a "
            "literal nor a slot. Write {movie_id}, and its type in the Struct of the parameter path."
        ),
    ),
    "express path": Mistake(
        "startup",
        """
        class OneMovie(Endpoint, path="/movies/:movie_id"):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        (
            "OneMovie: The segment ':movie_id' of the path '/movies/:movie_id' is neither a literal nor a "
            "slot. Write {movie_id}, and its type in the Struct of the parameter path."
        ),
    ),
    "slot twice": Mistake(
        "startup",
        """
        class OneMovie(Endpoint, path="/movies/{movie_id}/{movie_id}"):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        (
            "OneMovie: The path '/movies/{movie_id}/{movie_id}' has two slots named 'movie_id'. Give each "
            "slot a name of its own."
        ),
    ),
    "two on one path": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Up")

        class Films(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Heat")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies())
                self._include_endpoint(Films())
        """,
        "Films.get: GET /movies is the path of Movies already. Give one of them another path.",
    ),
    "include class": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies)
        """,
        "_include_endpoint: got Movies, a class. Write Movies(...), which makes an instance.",
    ),
    "include list": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint([Movies()])
        """,
        "_include_endpoint: got list. Give an instance of a subclass of Endpoint.",
    ),
    "include non endpoint": Mistake(
        "startup",
        """
        class Movies:
            async def get(self) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies())
        """,
        "_include_endpoint: got Movies. Give an instance of a subclass of Endpoint.",
    ),
    "include twice": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                movies = Movies()
                self._include_endpoint(movies)
                self._include_endpoint(movies)
        """,
        "Movies.get: GET /movies was included already. Include it once, or once more with path=.",
    ),
    "include app without slash": Mistake(
        "startup",
        """
        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_app(BaseApp(), path="admin")
        """,
        (
            "_include_app: path='admin' is not a prefix. Write a path such as '/legacy', without slots; '/' "
            "mounts at every path."
        ),
    ),
    "include middleware instance": Mistake(
        "startup",
        """
        class Timing:
            def __init__(self, app) -> None:
                self.app = app

            async def __call__(self, scope, receive, send) -> None:
                await self.app(scope, receive, send)

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_middleware(Timing(self))
        """,
        (
            "_include_middleware: Timing cannot be called with an application and these options: missing a "
            "required argument: 'receive'. Give the middleware's class or factory, and options that it takes."
        ),
    ),
    "policy dict": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            stream_policy = {"max_concurrent": 5}

            async def get(self) -> AsyncIterator[Movie]:
                yield Movie("Up")
        """,
        ("Movies: stream_policy is of type dict: {'max_concurrent': 5}. Write stream_policy = StreamPolicy(...)."),
    ),
    "policy class": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            stream_policy = StreamPolicy

            async def get(self) -> AsyncIterator[Movie]:
                yield Movie("Up")
        """,
        "Movies: stream_policy is the class StreamPolicy. Write stream_policy = StreamPolicy(...).",
    ),
    "timeout str": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            handler_timeout = "5s"

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: handler_timeout is of type str: '5s'. Write a number of seconds: handler_timeout = 30.0.",
    ),
    "timeout negative": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            handler_timeout = -1

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: handler_timeout is -1. Write a positive number of seconds.",
    ),
    "timeout timedelta": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            handler_timeout = timedelta(seconds=5)

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies: handler_timeout is of type timedelta: datetime.timedelta(seconds=5). Write a number of "
            "seconds: handler_timeout = 30.0."
        ),
    ),
    "policy timedelta": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            stream_policy = StreamPolicy(max_duration=timedelta(minutes=5))

            async def get(self) -> AsyncIterator[Movie]:
                yield Movie("Up")
        """,
        ("StreamPolicy(max_duration=datetime.timedelta(seconds=300)): it must be a positive number of seconds."),
    ),
    "form policy str": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            form_policy = FormPolicy(max_files="3")

            async def get(self) -> AsyncIterator[Movie]:
                yield Movie("Up")
        """,
        "FormPolicy(max_files='3'): it must be at least 1.",
    ),
    "app policy dict": Mistake(
        "import",
        """
        class App(BaseApp):
            def __init__(self) -> None:
                super().__init__(stream_policy={"max_concurrent": 5})
        """,
        ("App.__init__: stream_policy is of type dict: {'max_concurrent': 5}. Write stream_policy=StreamPolicy(...)."),
    ),
    "enter not entered": Mistake(
        "startup",
        """
        class Pool:
            pass

        class App(BaseApp):
            async def _wire(self) -> None:
                self.pool = await self._aenter(Pool())
        """,
        (
            "_aenter: Pool is not a context manager. Give one; if a generator makes the resource, add "
            "@asynccontextmanager to it."
        ),
    ),
    "enter sync": Mistake(
        "startup",
        """
        class App(BaseApp):
            async def _wire(self) -> None:
                self.store = self._enter(MemoryStore())
        """,
        "_enter: MemoryStore is an asynchronous context manager. Write await self._aenter(...).",
    ),
    "enter class": Mistake(
        "startup",
        """
        class App(BaseApp):
            async def _wire(self) -> None:
                self.store = await self._aenter(MemoryStore)
        """,
        "_aenter: got MemoryStore, a class. Write MemoryStore(...).",
    ),
    "enter generator": Mistake(
        "startup",
        """
        async def pool():
            yield 1

        class App(BaseApp):
            async def _wire(self) -> None:
                self.pool = await self._aenter(pool())
        """,
        (
            "_aenter: async_generator is not a context manager. Give one; if a generator makes the resource, "
            "add @asynccontextmanager to it."
        ),
    ),
    "errors instances": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            errors = [NotFound()]

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        ("Movies.get: errors is [NotFound('Not found')]. List subclasses of HTTPError: errors = [OutOfStock]."),
    ),
    "errors statuses": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            errors = [404]

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies.get: errors is [404]. List subclasses of HTTPError: errors = [OutOfStock].",
    ),
    "tags str": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            tags = "movies"

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies.get: tags is 'movies'. List strings: tags = [\"movies\"].",
    ),
    "notes statuses": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            @operation_notes(statuses=["404"])
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies.get: statuses is ['404']. List numbers from 200 to 599: statuses=[200, 207].",
    ),
}
