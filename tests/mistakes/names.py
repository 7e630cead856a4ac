"""Names that jero does not know: of methods, attributes, hooks and keywords, and what each is meant as."""

from tests.mistakes.program import Mistake

MISTAKES = {
    "async def wire": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def wire(self) -> None:
                self._include_endpoint(Movies())
        """,
        "App.wire: jero does not call wire. Write async def _wire.",
    ),
    "def _wire": Mistake(
        "import",
        """
        class App(BaseApp):
            def _wire(self) -> None:
                pass
        """,
        "App._wire: it is not async def. Write async def _wire(self) -> None.",
    ),
    "def _wire unannotated": Mistake(
        "startup",
        """
        class App(BaseApp):
            def _wire(self):
                pass
        """,
        "App._wire: it is not async def. Write async def _wire(self) -> None.",
    ),
    "pust": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Up")

            async def pust(self, json: Movie) -> Movie:
                return json
        """,
        (
            "Movies.pust: pust is not an operation. Write put, or give a method of your own another name, "
            "such as one with a leading underscore."
        ),
    ),
    "list instead of get": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def list(self) -> list[Movie]:
                return [Movie("Up")]
        """,
        "Movies: the endpoint has no operation. Define get, post, put, patch or delete.",
    ),
    "attribute": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            max_body_size = 10_000

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: jero has no setting max_body_size. Write max_body_bytes, or give it a less similar name.",
    ),
    "attribute exception_handlers": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            exception_handler = {KeyError: print}

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: jero has no setting exception_handler. Write exception_handlers, or give it a less similar name.",
    ),
    "attribute auth": Mistake(
        "import",
        """
        from jero.auth import HTTPScheme

        class Tokens:
            scheme = HTTPScheme(scheme="bearer")

            async def authenticate(self, params: Movie) -> str:
                return params.title

        class Movies(Endpoint, path="/movies"):
            auht = Tokens()

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: jero has no setting auht. Write auth, or give it a less similar name.",
    ),
    "hook _on_stream_ended": Mistake(
        "import",
        """
        class App(BaseApp):
            async def _on_stream_ended(self, outcome: StreamOutcome) -> None:
                print(outcome)
        """,
        "App._on_stream_ended: jero does not call _on_stream_ended. Write async def _on_stream_end.",
    ),
    "hook _lifespann": Mistake(
        "import",
        """
        class App(BaseApp):
            @asynccontextmanager
            async def _lifespann(self):
                yield
        """,
        ("App._lifespann: a server does not call _lifespann. Open resources in _wire, with await self._aenter(...)."),
    ),
    "hook lifespan override": Mistake(
        "import",
        """
        class App(BaseApp):
            @asynccontextmanager
            async def lifespan(self):
                yield
        """,
        ("App.lifespan: a server does not call lifespan. Open resources in _wire, with await self._aenter(...)."),
    ),
    "hook _lifespan override": Mistake(
        "import",
        """
        class App(BaseApp):
            @asynccontextmanager
            async def _lifespan(self):
                yield
        """,
        ("App._lifespan: a server does not call _lifespan. Open resources in _wire, with await self._aenter(...)."),
    ),
    "hook on_stream_end outcome missing": Mistake(
        "import",
        """
        class App(BaseApp):
            async def _on_stream_end(self) -> None:
                pass
        """,
        (
            "App._on_stream_end: jero calls it with self and the outcome. Write async def "
            "_on_stream_end(self, outcome: StreamOutcome) -> None."
        ),
    ),
    "endpoint hook": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> AsyncIterator[Movie]:
                yield Movie("Up")

            def on_stream_errors(self, error: Exception) -> Movie:
                return Movie("failed")
        """,
        (
            "Movies.on_stream_errors: jero does not call on_stream_errors. Write def on_stream_error(self, "
            "error: Exception)."
        ),
    ),
    "handlers of exceptions misspelt": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            exception_handler = {LookupError: print}

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        ("Movies: jero has no setting exception_handler. Write exception_handlers, or give it a less similar name."),
    ),
    "policy under another name": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            policy = StreamPolicy(max_duration=60)

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: jero does not read policy. Write stream_policy = StreamPolicy(...).",
    ),
    "limit outside of its policy": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            max_duration = 60

            async def get(self) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies: max_duration is a limit of StreamPolicy. Write stream_policy = StreamPolicy(max_duration=...), "
            "or give it another name."
        ),
    ),
    "auth as class keyword": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies", auth=BearerAuth):
            async def get(self, user: str) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies: 'auth' is not a keyword of an endpoint's class. Write "
            "self._include_endpoint(Movies(...), auth=...)."
        ),
    ),
    "self missing": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            async def get() -> Movie:
                return Movie("Up")
        """,
        "Movies.get: it takes no argument, but a method gets self first. Write async def get(self).",
    ),
    "self missing params": Mistake(
        "import",
        """
        class Page(Struct):
            limit: int = 10

        class Movies(Endpoint, path="/movies"):
            async def get(params: Page) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get: its first argument is 'params', but a method gets self first. Write async def "
            "get(self, params: Page)."
        ),
    ),
    "self missing other order": Mistake(
        "import",
        """
        class OneMovie(Endpoint, path="/movies/{movie_id}"):
            async def get(movie_id: int) -> Movie:
                return Movie("Up")
        """,
        (
            "OneMovie.get: its first argument is 'movie_id', but a method gets self first. Write async def "
            "get(self, movie_id: int)."
        ),
    ),
    "self missing _wire": Mistake(
        "import",
        """
        class App(BaseApp):
            async def _wire() -> None:
                pass
        """,
        "App._wire: it takes no argument, but a method gets self first. Write async def _wire(self).",
    ),
    "super init": Mistake(
        "startup",
        """
        class App(BaseApp):
            def __init__(self) -> None:
                self.database = "sqlite://"

            async def _wire(self) -> None:
                pass
        """,
        ("App.__init__: it does not call the __init__ of BaseApp. Write super().__init__() as its first line."),
    ),
    "property": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            @property
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "Movies: the endpoint has no operation. Define get, post, put, patch or delete.",
    ),
    "aenter in init": Mistake(
        "import",
        """
        class App(BaseApp):
            def __init__(self) -> None:
                super().__init__()
                self._include_endpoint(Movies())

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Up")
        """,
        "_include_endpoint: it was called before the application starts. Call it in _wire.",
    ),
    "include outside": Mistake(
        "import",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                return Movie("Up")

        app = BaseApp()
        app._include_endpoint(Movies())
        """,
        "_include_endpoint: it was called before the application starts. Call it in _wire.",
    ),
}
