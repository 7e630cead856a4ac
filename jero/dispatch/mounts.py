"""Other ASGI applications inside this one, each below a prefix of its own."""

from typing import Any

from jero.contract.annotations import wiring_error
from jero.dispatch.boundary import Boundary
from jero.dispatch.failures import Failures
from jero.http.asgi import ASGIApp, Receive, Scope, Send
from jero.startup import Startup

_WHERE = "_include_app"


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
            raise wiring_error(_WHERE, f"got {found}", "Give an ASGI application")
        if not path.startswith("/") or "{" in path or "}" in path or (path.endswith("/") and path != "/"):
            raise wiring_error(
                _WHERE, f"path={path!r} is no prefix", "Write one such as '/legacy', without slots; '/' holds all paths"
            )
        prefix = path.rstrip("/")
        if any(mount.prefix == prefix for mount in self._mounts):
            raise wiring_error(_WHERE, f"{path} has an application already", "Give one of them another path")
        startup = self._startups.setdefault(id(app), Startup(app, f"The application at {path}"))
        self._mounts.append(Mount(app, prefix, startup, self._failures))
        self._mounts.sort(key=lambda mount: -len(mount.prefix))

    def find(self, path: str) -> Mount | None:
        """The one with the longest prefix of the path."""
        return next((mount for mount in self._mounts if mount.holds(path)), None)
