"""Parameters that no request can fill."""

from tests.mistakes.program import Mistake

MISTAKES = {
    "optional param": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self, limit: Optional[int] = None) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get: jero cannot bind the parameter 'limit: Optional[int]', because it binds arguments "
            "by fixed names. Write params: P, with a Struct P that has the field limit: Optional[int]."
        ),
    ),
    "optional params struct": Mistake(
        "startup",
        """
        class Page(Struct):
            limit: int = 10

        class Movies(Endpoint, path="/movies"):
            async def get(self, params: Optional[Page] = None) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get, parameter 'params': its type is Optional[Page], which is not a Struct. Annotate it "
            "with a Struct, a field for each value."
        ),
    ),
    "unannotated with default": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self, limit=10) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get: jero cannot bind the parameter 'limit', because it binds arguments by fixed names. "
            "Write params: P, with a Struct P that has the field limit: int."
        ),
    ),
    "pydantic body": Mistake(
        "startup",
        """
        class Film(pydantic.BaseModel):
            title: str

        class Movies(Endpoint, path="/movies"):
            async def post(self, json: Film) -> Movie:
                return Movie("Up")
        """,
        "Movies.post, parameter 'json': Film is a Pydantic model. Write a Struct with its fields.",
    ),
    "dataclass params": Mistake(
        "startup",
        """
        @dataclass
        class Page:
            limit: int = 10

        class Movies(Endpoint, path="/movies"):
            async def get(self, params: Page) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get, parameter 'params': its type is Page, which is not a Struct. Annotate it with a "
            "Struct, a field for each value."
        ),
    ),
    "params dict": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self, params: dict) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get, parameter 'params': its type is dict, which is not a Struct. Annotate it with a "
            "Struct, a field for each value."
        ),
    ),
    "struct field unfillable": Mistake(
        "startup",
        """
        class Filters(Struct):
            filters: dict[str, str]

        class Movies(Endpoint, path="/movies"):
            async def get(self, params: Filters) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get, parameter 'params': the field 'filters' of Filters is of type dict, which a query "
            "parameter cannot fill. Write a str, a number or another type that is read from one text."
        ),
    ),
    "query": Mistake(
        "startup",
        """
        class Page(Struct):
            limit: int = 10

        class Movies(Endpoint, path="/movies"):
            async def get(self, query: Page) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get: jero cannot bind the parameter 'query: Page', because it binds arguments by fixed "
            "names. Write params: Page."
        ),
    ),
    "request_body": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def post(self, request_body: Movie) -> Movie:
                return request_body
        """,
        (
            "Movies.post: jero cannot bind the parameter 'request_body: Movie', because it binds arguments "
            "by fixed names. Write json: Movie."
        ),
    ),
    "json in get": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self, json: Movie) -> Movie:
                return json
        """,
        ("Movies.get: 'json' is read from the body, but a GET request has no body. Use params, or another operation."),
    ),
    "movie_id": Mistake(
        "startup",
        """
        class OneMovie(Endpoint, path="/movies/{movie_id}"):
            async def get(self, movie_id: int) -> Movie:
                return Movie("Up")
        """,
        (
            "OneMovie.get: jero cannot bind the parameter 'movie_id: int', because it binds arguments by "
            "fixed names. Write path: P, with a Struct P that has the field movie_id: int."
        ),
    ),
    "two bodies": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def post(self, json: Movie, content: bytes) -> Movie:
                return json
        """,
        "Movies.post: json and content would both read the body. Keep one of them.",
    ),
    "untagged union": Mistake(
        "startup",
        """
        class Show(Struct):
            name: str

        class Movies(Endpoint, path="/movies"):
            async def post(self, json: Movie | Show) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.post, parameter 'json': Movie | Show has a union of Structs without tags, which JSON "
            "cannot tell apart. Write class Movie(Struct, tag=True), and the same for the others."
        ),
    ),
    "starlette request": Mistake(
        "startup",
        """
        from starlette.requests import Request as StarletteRequest
        class Movies(Endpoint, path="/movies"):
            async def get(self, request: StarletteRequest) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get, parameter 'request': its type is Request, but the request is of jero's class "
            "Request. Annotate it with Request, imported from jero."
        ),
    ),
    "upload in json": Mistake(
        "startup",
        """
        class Upload(Struct):
            file: UploadFile

        class Movies(Endpoint, path="/movies"):
            async def post(self, json: Upload) -> Movie:
                return Movie("Up")
        """,
        "Movies.post, parameter 'json': only a form has an UploadFile. Write form: Upload.",
    ),
    "upload param": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def post(self, file: UploadFile) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.post: jero cannot bind the parameter 'file: UploadFile', because it binds arguments by "
            "fixed names. Write form: F, with a Struct F that has the field file: UploadFile."
        ),
    ),
    "upload as form": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def post(self, form: UploadFile) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.post, parameter 'form': its type is UploadFile, which is not a Struct. Annotate it with "
            "a Struct, a field for each value."
        ),
    ),
    "upload in params": Mistake(
        "startup",
        """
        class Upload(Struct):
            file: UploadFile

        class Movies(Endpoint, path="/movies"):
            async def post(self, params: Upload) -> Movie:
                return Movie("Up")
        """,
        "Movies.post, parameter 'params': only a form has an UploadFile. Write form: Upload.",
    ),
    "form dict": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def post(self, form: dict) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.post, parameter 'form': its type is dict, which is not a Struct. Annotate it with a "
            "Struct, a field for each value."
        ),
    ),
    "form get": Mistake(
        "startup",
        """
        class Film(Struct):
            title: str

        class Movies(Endpoint, path="/movies"):
            async def get(self, form: Film) -> Movie:
                return Movie("Up")
        """,
        ("Movies.get: 'form' is read from the body, but a GET request has no body. Use params, or another operation."),
    ),
    "slot without field": Mistake(
        "startup",
        """
        class MoviePath(Struct):
            movie_id: int

        class OneMovie(Endpoint, path="/movies/{movie_id}/{year}"):
            async def get(self, path: MoviePath) -> Movie:
                return Movie("Up")
        """,
        (
            "OneMovie.get: path: MoviePath has the fields [movie_id], but the template "
            "'/movies/{movie_id}/{year}' has the slots [movie_id, year]. Use the same names."
        ),
    ),
    "field without slot": Mistake(
        "startup",
        """
        class MoviePath(Struct):
            movie_id: int

        class OneMovie(Endpoint, path="/movies"):
            async def get(self, path: MoviePath) -> Movie:
                return Movie("Up")
        """,
        (
            "OneMovie.get: path: MoviePath has the fields [movie_id], but the template '/movies' has the "
            "slots []. Use the same names."
        ),
    ),
}
