"""Authenticators and exception handlers."""

from tests.mistakes.program import Mistake

MISTAKES = {
    "auth class": Mistake(
        "startup",
        """
        class Tokens(BearerAuth[str]):
            async def verify(self, token: str) -> str:
                return token

        class Movies(Endpoint, path="/movies"):
            async def get(self, user: str) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies(), auth=Tokens)
        """,
        "Movies, auth: got Tokens, a class. Give an instance of it, Tokens(...).",
    ),
    "auth sync verify": Mistake(
        "startup",
        """
        class Tokens(BearerAuth[str]):
            def verify(self, token: str) -> str:
                return token

        class Movies(Endpoint, path="/movies"):
            async def get(self, user: str) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies(), auth=Tokens())
        """,
        "Movies, auth Tokens.verify: it is not async def. Write async def verify.",
    ),
    "auth function": Mistake(
        "startup",
        """
        async def check(token: str) -> str:
            return token

        class Movies(Endpoint, path="/movies"):
            async def get(self, user: str) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies(), auth=check)
        """,
        (
            "Movies, auth check.authenticate: the method is missing. Write async def authenticate(self, "
            "headers: TokenHeaders) -> User."
        ),
    ),
    "auth without type": Mistake(
        "startup",
        """
        class Tokens(BearerAuth):
            async def verify(self, token: str):
                return token

        class Movies(Endpoint, path="/movies"):
            async def get(self, user: str) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies(), auth=Tokens())
        """,
        (
            "Movies, auth Tokens.authenticate: the type of the user is unknown, because Tokens has no type "
            "argument. Write class Tokens(BearerAuth[User]), with the base that it has."
        ),
    ),
    "user without auth": Mistake(
        "startup",
        """
        class Movies(Endpoint, path="/movies"):
            async def get(self, user: str) -> Movie:
                return Movie("Up")
        """,
        ("Movies.get: no authenticator fills the parameter 'user'. Include the endpoint with auth=, or remove user."),
    ),
    "verify returns None": Mistake(
        "request",
        """
        class Tokens(BearerAuth[str]):
            async def verify(self, token: str) -> str:
                return None

        class Movies(Endpoint, path="/movies"):
            async def get(self, user: str) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies(), auth=Tokens())

        HEADERS = {"Authorization": "Bearer abc"}
        """,
        "Tokens.authenticate returned None; its return annotation says str. Raise Unauthorized to refuse.",
    ),
    "handler no args": Mistake(
        "startup",
        """
        def missing() -> NoContent:
            return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_exception_handler(KeyError, missing)
        """,
        (
            "_include_exception_handler: the handler of KeyError, missing, does not take the exception as "
            "its first argument. Give a function that takes the exception, or the exception and then the "
            "request."
        ),
    ),
    "handler request first": Mistake(
        "startup",
        """
        def missing(request: Request, error: KeyError) -> NoContent:
            return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_exception_handler(KeyError, missing)
        """,
        (
            "_include_exception_handler: the handler of KeyError, missing, does not take the exception as "
            "its first argument. Give a function that takes the exception, or the exception and then the "
            "request."
        ),
    ),
    "handler status": Mistake(
        "startup",
        """
        def missing(error: Exception) -> NoContent:
            return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_exception_handler(404, missing)
        """,
        "_include_exception_handler: 404 is not an exception class. Give a subclass of Exception.",
    ),
    "handler instance": Mistake(
        "startup",
        """
        def missing(error: Exception) -> NoContent:
            return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_exception_handler(KeyError("id"), missing)
        """,
        ("_include_exception_handler: KeyError('id') is not an exception class. Give a subclass of Exception."),
    ),
    "handler swapped": Mistake(
        "startup",
        """
        def missing(error: Exception) -> NoContent:
            return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_exception_handler(missing, KeyError)
        """,
        "_include_exception_handler: missing is not an exception class. Give a subclass of Exception.",
    ),
    "handler called": Mistake(
        "startup",
        """
        def missing(error: Exception) -> NoContent:
            return NoContent()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_exception_handler(KeyError, missing(KeyError()))
        """,
        (
            "_include_exception_handler: the handler of KeyError is of type NoContent, which is not "
            "callable. Give the function itself, without parentheses."
        ),
    ),
    "handler returns dict": Mistake(
        "request",
        """
        def missing(error: KeyError) -> NoContent:
            return {"detail": "gone"}

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                raise KeyError("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_exception_handler(KeyError, missing)
                self._include_endpoint(Movies())
        """,
        ("missing, the handler of KeyError, returned dict. Return a response with a whole body, or an HTTPError."),
    ),
    "handlers list": Mistake(
        "startup",
        """
        def missing(error: KeyError) -> NoContent:
            return NoContent()

        class Movies(Endpoint, path="/movies"):
            async def get(self) -> Movie:
                raise KeyError("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(Movies(), exception_handlers=[missing])
        """,
        (
            "_include_endpoint: exception_handlers is of type list, and not a mapping. Write "
            "exception_handlers={SomeError: handler}."
        ),
    ),
}
