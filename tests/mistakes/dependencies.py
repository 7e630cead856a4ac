"""Dependencies: what their factories make, and what asks for them."""

from tests.mistakes.program import Mistake

MISTAKES = {
    "dependency without cm": Mistake(
        "startup",
        """
        class Session:
            pass

        def session() -> Session:
            return Session()

        class Movies(Endpoint, path="/movies"):
            async def get(self, session: Session) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
                self._include_endpoint(Movies())
        """,
        (
            "_include_dependency, session: it returns Session, which is not an async context manager. Write "
            "an async generator that yields it once, async def session() -> AsyncIterator[Session]."
        ),
    ),
    "dependency class": Mistake(
        "startup",
        """
        class Session:
            pass

        class Movies(Endpoint, path="/movies"):
            async def get(self, session: Session) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(Session)
                self._include_endpoint(Movies())
        """,
        (
            "_include_dependency, Session: it returns Session, which is not an async context manager. Write "
            "an async generator that yields it once, async def session() -> AsyncIterator[Session]."
        ),
    ),
    "dependency coroutine": Mistake(
        "startup",
        """
        class Session:
            pass

        async def session() -> Session:
            return Session()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
        """,
        (
            "_include_dependency, session: it is a coroutine function, so it makes no context manager. Write "
            "an async generator that yields it once, async def session() -> AsyncIterator[Session]."
        ),
    ),
    "dependency sync cm": Mistake(
        "startup",
        """
        class Session:
            pass

        @contextmanager
        def session() -> Iterator[Session]:
            yield Session()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
        """,
        (
            "_include_dependency, session: it returns Iterator[Session], which is not an async context "
            "manager. Write an async generator that yields it once, async def session() -> "
            "AsyncIterator[Session]."
        ),
    ),
    "dependency sync generator": Mistake(
        "startup",
        """
        class Session:
            pass

        def session() -> Iterator[Session]:
            yield Session()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
        """,
        (
            "_include_dependency, session: it returns Iterator[Session], which is not an async context "
            "manager. Write an async generator that yields it once, async def session() -> "
            "AsyncIterator[Session]."
        ),
    ),
    "dependency called": Mistake(
        "startup",
        """
        class Session:
            pass

        async def session() -> AsyncIterator[Session]:
            yield Session()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session())
        """,
        "_include_dependency: got session(...), which a call has made. Give session, without parentheses.",
    ),
    "dependency unannotated": Mistake(
        "startup",
        """
        class Session:
            pass

        async def session():
            yield Session()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
        """,
        (
            "_include_dependency, session: the return annotation is missing. Write -> "
            "AsyncIterator[Session], or name the type: as_=Session."
        ),
    ),
    "dependency yields twice": Mistake(
        "request",
        """
        class Session:
            pass

        async def session() -> AsyncIterator[Session]:
            yield Session()
            yield Session()

        class Movies(Endpoint, path="/movies"):
            async def get(self, session: Session) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
                self._include_endpoint(Movies())
        """,
        "session yielded a second time. Write one yield, with setup before it and teardown after it.",
    ),
    "dependency yields never": Mistake(
        "request",
        """
        class Session:
            pass

        async def session() -> AsyncIterator[Session]:
            if False:
                yield Session()

        class Movies(Endpoint, path="/movies"):
            async def get(self, session: Session) -> Movie:
                return Movie("Up")

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
                self._include_endpoint(Movies())
        """,
        "session yielded nothing. Write one yield, with setup before it and teardown after it.",
    ),
    "circular": Mistake(
        "startup",
        """
        class Session:
            pass

        class Cache:
            pass

        async def session(cache: Cache) -> AsyncIterator[Session]:
            yield Session()

        async def cache(session: Session) -> AsyncIterator[Cache]:
            yield Cache()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
                self._include_dependency(cache)
        """,
        (
            "_include_dependency: Session, which needs Cache, which needs Session, is a circle. Take one of "
            "them out of the other's parameters."
        ),
    ),
    "two of one type": Mistake(
        "startup",
        """
        class Session:
            pass

        async def session() -> AsyncIterator[Session]:
            yield Session()

        async def reports() -> AsyncIterator[Session]:
            yield Session()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
                self._include_dependency(reports)
        """,
        ('_include_dependency: Session has a factory already. Tell the two apart: as_=Annotated[Session, "..."].'),
    ),
    "dependency missing": Mistake(
        "startup",
        """
        class Session:
            pass

        class Movies(Endpoint, path="/movies"):
            async def get(self, session: Session) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get: jero cannot bind the parameter 'session: Session', because it binds arguments by "
            "fixed names, and no included dependency has that type. Include a factory of Session in _wire: "
            "self._include_dependency(factory)."
        ),
    ),
    "dependency Depends": Mistake(
        "startup",
        """
        class Session:
            pass

        async def session() -> AsyncIterator[Session]:
            yield Session()

        class Movies(Endpoint, path="/movies"):
            async def get(self, session=session) -> Movie:
                return Movie("Up")
        """,
        (
            "Movies.get: jero cannot bind the parameter 'session', because it binds arguments by fixed "
            "names. Use one of path, params, headers, cookies, json, items, content, form, user, request."
        ),
    ),
    "dependency body": Mistake(
        "startup",
        """
        class Session:
            pass

        async def session(json: Movie) -> AsyncIterator[Session]:
            yield Session()

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_dependency(session)
        """,
        (
            "_include_dependency, session: a dependency does not read the body, but it takes 'json'. Take "
            "json in the handler."
        ),
    ),
}
