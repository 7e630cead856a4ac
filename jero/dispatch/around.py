"""Around an application that is not jero's own: a request that it leaves without an answer gets one.

The middleware around an application: pure ASGI, one in the other.

Other ASGI applications inside this one, each below a prefix of its own.
"""

import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, cast

from jero.annotations import wiring_error
from jero.dispatch.failures import Failures
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send, is_disconnect, is_response_start
from jero.lifespan import Startup


class Boundary:
    """Calls `app`; where it raises before its response has begun, or ends without one, `failures` answers.

    What it raises later is raised on: the server logs it, and drops the connection. `name`: for the log.
    """

    def __init__(self, app: ASGIApp, failures: Failures, name: str) -> None:
        self._app = app
        self._failures = failures
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
            if not exchange.has_begun and not exchange.has_left:
                raise RuntimeError(f"{self._name} ended without a response")
        except Exception as error:
            if exchange.has_begun:
                raise
            await self._failures.answer(error, scope, send)


class _Exchange:
    """One request's channels, and what has come by them: the beginning of a response, the client's leaving."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.has_begun = False
        self.has_left = False

    async def receive(self) -> Message:
        message = await self._receive()
        if is_disconnect(message):
            self.has_left = True
        return message

    async def send(self, message: Message) -> None:
        if is_response_start(message):
            if self.has_begun:
                raise RuntimeError("a response begins that has begun already")
            self.has_begun = True
        await self._send(message)


P = ParamSpec("P")

_MIDDLEWARE = "_include_middleware"


class Middleware:
    """What was included; the first is the outermost."""

    def __init__(self) -> None:
        self._factories: list[tuple[Callable[[ASGIApp], object], str]] = []

    def add(
        self, factory: Callable[Concatenate[ASGIApp, P], object], /, *arguments: P.args, **options: P.kwargs
    ) -> None:
        """Raises `WiringError` for what cannot be called with an application and these options.

        What it makes may be of any type: some (Sentry's) are ASGI applications though their types do not say so.
        """
        name = getattr(factory, "__name__", type(factory).__name__)
        fault = _fault(factory, arguments, options)
        if fault is not None:
            raise wiring_error(
                _MIDDLEWARE,
                f"{name} cannot be called with an application and these options: {fault}",
                "Give what makes the middleware, and the options that it has",
            )
        self._factories.append((lambda app: factory(app, *arguments, **options), name))

    def around(self, app: ASGIApp, failures: Failures) -> ASGIApp:
        """The application with all middleware around it, each made now; the application itself where there is none."""
        if not self._factories:
            return app
        for factory, name in reversed(self._factories):
            made = factory(app)
            if not callable(made):
                raise wiring_error(
                    _MIDDLEWARE, f"{name} made {made!r}, which is no ASGI application", "Give what makes the middleware"
                )
            app = cast("ASGIApp", made)
        return Boundary(app, failures, "The middleware")


def _fault(factory: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> str | None:
    if not callable(factory):
        return "it cannot be called"
    try:
        inspect.signature(factory).bind(None, *arguments, **options)
    except TypeError as error:
        return str(error)
    except ValueError:  # a callable that shows no signature
        return None
    return None


_MOUNT = "_include_app"


class Mount:
    """An application below `prefix`; `startup` is its own life, and what it put into the scopes of its requests."""

    def __init__(self, app: ASGIApp, prefix: str, startup: Startup, failures: Failures) -> None:
        self.app = app
        self.prefix = prefix
        self.startup = startup
        self._guarded = Boundary(app, failures, f"The application at {prefix or '/'}")

    def holds(self, path: str) -> bool:
        """Whether the path is the prefix, or below it."""
        return path.startswith(self.prefix) and path[len(self.prefix) :][:1] in ("", "/")

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request or a websocket on: `root_path` grows by the prefix, `path` stays whole (ASGI HTTP)."""
        root: str = scope.get("root_path", "")
        inner = {**scope, "root_path": root.rstrip("/") + self.prefix}
        if self.startup.state:
            inner["state"] = {**scope.get("state", {}), **self.startup.state}
        await self._guarded(inner, receive, send)


class Mounts:
    """All of them, by their prefixes."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._mounts: list[Mount] = []
        self._startups: dict[int, Startup] = {}

    @property
    def apps(self) -> list[ASGIApp]:
        """The applications, each once."""
        return list({id(mount.app): mount.app for mount in self._mounts}.values())

    @property
    def startups(self) -> list[Startup]:
        """The life of each application, in the order in which they were included."""
        return list(self._startups.values())

    def add(self, app: ASGIApp, path: str) -> None:
        """Raises `WiringError` for what is no application, or no path for one, or has an application already."""
        given: Any = app
        if isinstance(given, type) or not callable(given):
            found = f"{given.__name__}, a class" if isinstance(given, type) else repr(given)
            raise wiring_error(_MOUNT, f"got {found}", "Give an ASGI application")
        if not path.startswith("/") or "{" in path or "}" in path or (path.endswith("/") and path != "/"):
            raise wiring_error(
                _MOUNT, f"path={path!r} is no prefix", "Write one such as '/legacy', without slots; '/' holds all paths"
            )
        prefix = path.rstrip("/")
        if any(mount.prefix == prefix for mount in self._mounts):
            raise wiring_error(_MOUNT, f"{path} has an application already", "Give one of them another path")
        startup = self._startups.setdefault(id(app), Startup(app, f"The application at {path}"))
        self._mounts.append(Mount(app, prefix, startup, self._failures))
        self._mounts.sort(key=lambda mount: -len(mount.prefix))

    def find(self, path: str) -> Mount | None:
        """The one with the longest prefix of the path."""
        return next((mount for mount in self._mounts if mount.holds(path)), None)
