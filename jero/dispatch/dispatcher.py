"""From a request to what answers it: a route, a mounted application, or jero itself.

What an application has included, in one life of it.
"""

from typing import Any

import msgspec

from jero.annotations import wiring_error
from jero.auth import Auth
from jero.contract.operation import Operation, read_operations
from jero.dispatch.around import Middleware, Mount, Mounts
from jero.dispatch.failures import ExceptionHandlers, Failures
from jero.dispatch.respond import send_whole
from jero.dispatch.route import Route
from jero.dispatch.stream import Admission, StreamDefaults
from jero.endpoint import Endpoint
from jero.errors import MethodNotAllowed, NotFound
from jero.http.asgi import ASGIApp, Receive, Scope, Send, route_path
from jero.routing import Found, Router, WrongMethod


class Dispatcher:
    """An ASGI application of all that was included."""

    def __init__(self, router: Router[Route], mounts: Mounts, failures: Failures) -> None:
        self._router = router
        self._mounts = mounts if mounts.apps else None
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or a websocket."""
        if scope["type"] != "http":
            await self._answer_websocket(scope, receive, send)
            return
        mount: Mount | None = None
        try:
            path = route_path(scope)
            method: str = scope["method"]
            found = self._router.find("GET" if method == "HEAD" else method, path)
            if self._mounts is not None:
                mount = self._mount(self._mounts, path, found)
            if mount is None:
                if not isinstance(found, Found):
                    await _answer_none(found, scope, send)
                    return
                await found.route.answer(scope, found.slots, receive, send)
        except Exception as error:
            await self._failures.answer(error, scope, send)
        if mount is not None:
            await mount.answer(scope, receive, send)

    def _mount(self, mounts: Mounts, path: str, found: Found[Route] | WrongMethod | None) -> Mount | None:
        """The mounted application that the path belongs to, unless an endpoint stands at it below the prefix.

        A prefix comes before templates that are less exact: `/api` before `/{tenant}/users`, after `/api/{name}`.
        """
        mount = mounts.find(path)
        if mount is None or found is None:
            return mount
        if isinstance(found, WrongMethod):
            found = self._router.find(found.allowed[0], path)
        is_below = isinstance(found, Found) and mount.holds(found.route.operation.template.text)
        return None if is_below else mount

    async def _answer_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise ValueError(f"an application of jero answers http, and not {scope['type']}")
        mount = None if self._mounts is None else self._mounts.find(route_path(scope))
        if mount is None:
            await send({"type": "websocket.close", "code": 1000})
        else:
            await mount.answer(scope, receive, send)


async def _answer_none(found: WrongMethod | None, scope: Scope, send: Send) -> None:
    """Answers what no handler does: 404, 405, and OPTIONS."""
    if found is None:
        raise NotFound
    allow = ", ".join(sorted({*found.allowed, "OPTIONS", *(("HEAD",) if "GET" in found.allowed else ())}))
    if scope["method"] != "OPTIONS":
        raise MethodNotAllowed(headers={"Allow": allow})
    await send_whole(204, [(b"allow", allow.encode())], None, scope, send)


class Wiring:
    """Takes in what `_wire` includes; `entry` makes one application of it. `operations`: those of the endpoints."""

    def __init__(self, defaults: StreamDefaults) -> None:
        self._defaults = defaults
        self._router: Router[Route] = Router()
        self.operations: list[Operation] = []
        self.exception_handlers = ExceptionHandlers()
        self.failures = Failures(self.exception_handlers, defaults.encoder)
        self.middleware = Middleware()
        self.mounts = Mounts(self.failures)

    def add(self, endpoint: Endpoint, path: str | None, auth: Auth | None = None) -> list[Operation]:
        """Serves the endpoint's operations, and gives them back.

        Raises `WiringError` where its declaration cannot work, or another has its method and path."""
        defaults = self._defaults_of(endpoint)
        added = read_operations(endpoint, path, auth=auth, has_enc_hook=defaults.encoder.enc_hook is not None)
        for operation in added:
            present = self._router.add(operation.method, operation.template, Route(operation, defaults))
            if present is not None:
                raise wiring_error(
                    f"{operation.name}.{operation.method.lower()}",
                    f"{operation.method} {operation.template.text} is {present.operation.name}'s already",
                    "Give one of them another path",
                )
        return added

    def entry(self) -> ASGIApp:
        """The application that answers requests: all of it, with the middleware around it."""
        dispatcher = Dispatcher(self._router, self.mounts, self.failures)
        return self.middleware.around(dispatcher, self.failures)

    def _defaults_of(self, endpoint: Any) -> StreamDefaults:
        policy = getattr(endpoint, "stream_policy", None)  # what is no endpoint is refused by its reader
        if policy is None:
            return self._defaults
        admission = Admission(policy.max_concurrent, self._defaults.streams)
        return msgspec.structs.replace(self._defaults, policy=policy, admission=admission)
