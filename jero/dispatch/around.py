"""Puts applications that are not jero's into a chain: middleware around jero, and mounts inside jero.

Both may raise, or end without a response, so an `ErrorBoundary` stands around each.
"""

import logging
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import quote

from jero.annotations import wiring_error
from jero.auth import Auth
from jero.connection import OUTERMOST
from jero.contract.authentication import read_authentication
from jero.dispatch.authenticator import Authenticator
from jero.dispatch.failures import Failures, answerable
from jero.dispatch.unread import BODILESS, Exchange
from jero.http.asgi import UNANSWERED, ASGIApp, Receive, Scope, Send, missing_root, request_line
from jero.http.path import Segments, is_path_below
from jero.lifespan import Startup
from jero.names import call_fault

logger = logging.getLogger("jero.requests")

P = ParamSpec("P")

_MIDDLEWARE = "_include_middleware"
_MOUNT = "_include_app"


class Middleware:
    """The included middleware, the outermost first."""

    def __init__(self) -> None:
        self._factories: list[tuple[Callable[[ASGIApp], object], str]] = []

    def add(
        self, factory: Callable[Concatenate[ASGIApp, P], object], /, *arguments: P.args, **options: P.kwargs
    ) -> None:
        """Adds a middleware inside those before it.

        Raises `WiringError` if `factory` cannot be called with an application and these options. Its return type may be
        any: the types of some middleware (Sentry's) do not say that an instance is an ASGI application.
        """
        name = getattr(factory, "__name__", type(factory).__name__)
        fault = call_fault(factory, None, *arguments, **options)
        if fault is not None:
            raise wiring_error(
                _MIDDLEWARE,
                f"{name} cannot be called with an application and these options: {fault}",
                "Give the middleware's class or factory, and options that it takes",
            )
        self._factories.append((lambda app: factory(app, *arguments, **options), name))

    def around(self, app: ASGIApp, failures: Failures) -> ASGIApp:
        """Makes all middleware, and returns the outermost. Without middleware, returns `app`."""
        if not self._factories:
            return app
        for factory, name in reversed(self._factories):
            made = factory(app)
            if not callable(made):
                raise wiring_error(
                    _MIDDLEWARE,
                    f"{name} returned {made!r}, which is not an ASGI application",
                    "Give the middleware's class or factory",
                )
            # A boundary around each: the outer ones (CORS, request ids) see the answer to what this one raises.
            app = ErrorBoundary(cast("ASGIApp", made), failures, "The middleware", is_outermost=True)
        return app


class Mount:
    """An application below `prefix`. `startup` contains what the application put into the state of its lifespan.

    `authenticator`: checks who calls, before the application is called.
    """

    def __init__(
        self, app: ASGIApp, prefix: str, startup: Startup, failures: Failures, authenticator: Authenticator | None
    ) -> None:
        self.app = app
        self.prefix = prefix
        self.startup = startup
        self._failures = failures
        self._guarded = ErrorBoundary(app, failures, f"The application at {prefix or '/'}")
        self._authenticator = authenticator

    def matches(self, path: str, segments: Segments | None = None) -> bool:
        """Returns whether the path is the prefix, or below it."""
        return is_path_below(self.prefix, path, segments)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on a request or a websocket. `root_path` grows by the prefix, `path` stays whole (ASGI HTTP).

        If the server has left `root_path` out of `path`, both paths are made whole. A caller whom the authenticator
        refuses is answered here; any other is the scope's `user`.
        """
        inner = self._inner(scope)
        if self._authenticator is not None:
            try:
                # The handshake of a websocket is a GET (RFC 6455, section 4.1).
                inner["user"], _ = await self._authenticator.authenticate({"method": "GET", **scope}, {})
            except BaseException as error:
                await self._failures.refuse(answerable(error), scope, receive, send)
                return
        await self._guarded.serve(inner, receive, send, scope)

    def _inner(self, scope: Scope) -> Scope:
        root: str = scope.get("root_path", "")
        inner: Scope = {**scope, "root_path": root.rstrip("/") + self.prefix}
        missing = missing_root(scope) if root else ""
        if missing:
            inner["path"] = missing + scope["path"]
            if scope.get("raw_path") is not None:
                inner["raw_path"] = quote(missing).encode() + scope["raw_path"]
        if self.startup.state:
            inner["state"] = {**scope.get("state", {}), **self.startup.state}
        return inner


class Mounts:
    """The mounted applications, by their prefixes."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._mounts: list[Mount] = []
        self._startups: dict[int, Startup] = {}

    @property
    def apps(self) -> list[ASGIApp]:
        """Returns the applications, each once, even if it is mounted at several prefixes."""
        return list({id(mount.app): mount.app for mount in self._mounts}.values())

    @property
    def startups(self) -> list[Startup]:
        """Returns the startup of each application, in the order of inclusion."""
        return list(self._startups.values())

    def add(self, app: ASGIApp, path: str, auth: Auth | None) -> None:
        """Mounts an application.

        Raises `WiringError` if it is not one, if `path` is not a prefix or is taken, or if `auth` cannot work.
        """
        given: Any = app
        if isinstance(given, type) or not callable(given):
            found = f"{given.__name__}, a class" if isinstance(given, type) else repr(given)
            raise wiring_error(_MOUNT, f"got {found}", "Give an ASGI application")
        if not path.startswith("/") or "{" in path or "}" in path or (path.endswith("/") and path != "/"):
            raise wiring_error(
                _MOUNT,
                f"path={path!r} is not a prefix",
                "Write a path such as '/legacy', without slots; '/' mounts at every path",
            )
        prefix = path.rstrip("/")
        if any(mount.prefix == prefix for mount in self._mounts):
            raise wiring_error(_MOUNT, f"{path} has an application already", "Give one of the two another path")
        startup = self._startups.setdefault(id(app), Startup(app, f"The application at {path}"))
        authenticator = None if auth is None else Authenticator(read_authentication(auth, f"{_MOUNT}, {path}"))
        self._mounts.append(Mount(app, prefix, startup, self._failures, authenticator))
        self._mounts.sort(key=lambda mount: -len(mount.prefix))

    def find(self, path: str, segments: Segments | None = None) -> Mount | None:
        """Returns the mount with the longest prefix of the path."""
        return next((mount for mount in self._mounts if mount.matches(path, segments)), None)


class ErrorBoundary:
    """An ASGI application around `app`, whose requests `failures` answers if `app` does not.

    That is the case if `app` raises before its response has begun, or ends without a response. What `app` raises later
    is raised on: the server logs it and drops the connection. `name`: names `app` in the log. `is_outermost`: jero's
    own response passes through `app`, so the scope keeps the exchange outside it.

    If jero inside `app` does not answer because the client has left, `app` may miss the answer, and raise: Starlette's
    `BaseHTTPMiddleware` does. That is not a failure: it is logged at the level `DEBUG`.
    """

    def __init__(self, app: ASGIApp, failures: Failures, name: str, *, is_outermost: bool = False) -> None:
        self._app = app
        self._is_outermost = is_outermost
        self._failures = failures
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request. A websocket is passed on without a boundary."""
        await self.serve(scope, receive, send, scope)

    async def serve(self, scope: Scope, receive: Receive, send: Send, outer: Scope) -> None:
        """Serves a request, or passes on a websocket. `outer`: the scope with the path that failures are answered for.

        For an application that is mounted, the scope's path is below the mount.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, reads_on=scope["method"] not in BODILESS)
        if self._is_outermost:
            scope.setdefault(OUTERMOST, exchange)
        try:
            await self._app(scope, exchange.receive, exchange.send)
            if not exchange.has_begun and not exchange.has_left:
                raise RuntimeError(f"{self._name} ended without a response")
        except BaseException as error:
            if exchange.has_begun:
                raise
            if UNANSWERED in scope and isinstance(error, Exception):
                logger.debug("%s: %s missed an answer: %r", request_line(scope), self._name, error)
                return
            exchange.reads_on = True
            await self._failures.answer(answerable(error), outer, exchange.send)
        await exchange.finish()
