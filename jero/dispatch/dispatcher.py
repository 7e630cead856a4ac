"""Wires what an application includes, and dispatches requests: to a route, to a mount, or to jero's own answers."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from msgspec.structs import replace

from jero.annotations import wiring_error
from jero.auth import Auth
from jero.contract.dependencies import Dependencies, Dependency, Key
from jero.contract.operation import Operation, read_operations
from jero.dispatch.around import Middleware, Mount, Mounts
from jero.dispatch.dependent import DependentRoute, route_of
from jero.dispatch.failures import Failures, answerable
from jero.dispatch.respond import send_whole
from jero.dispatch.route import Route
from jero.dispatch.stream import Admission, StreamDefaults
from jero.dispatch.unread import Exchange, may_have_body
from jero.endpoint import Endpoint
from jero.errors import MalformedRequest, MethodNotAllowed, NotFound, UnfinishedBody
from jero.http.asgi import ASGIApp, Receive, Scope, Send
from jero.http.path import Segments, read_path
from jero.http.request import NO_SLOTS
from jero.policy import StreamPolicy
from jero.routing import Found, Router, WrongMethod

_Target: TypeAlias = Found[Route] | WrongMethod | None


class Wiring:
    """Everything that `_wire` includes in one run of the application. `entry` makes an ASGI application of it.

    `documented`: the routes that the OpenAPI document lists. `overrides`: replace dependencies.
    """

    def __init__(self, defaults: StreamDefaults, overrides: Mapping[Key, Dependency]) -> None:
        self._defaults = defaults
        self._router: Router[Route] = Router()
        self._routes: list[Route] = []
        self.documented: list[Route] = []
        self.dependencies = Dependencies(overrides)
        self.failures = Failures(defaults.encoder)
        self.middleware = Middleware()
        self.mounts = Mounts(self.failures)

    def add(
        self, endpoint: Endpoint, path: str | None, auth: Auth | None = None, exception_handlers: Any = None
    ) -> list[Route]:
        """Serves the endpoint's operations, and returns their routes.

        Raises `WiringError` if its declaration cannot work, if another endpoint has the same method and path, or if one
        of the `exception_handlers` cannot be one.
        """
        defaults = self._defaults_of(endpoint)
        read = read_operations(endpoint, path, auth=auth, has_enc_hook=defaults.encoder.enc_hook is not None)
        failures = self.failures.inside(exception_handlers, "_include_endpoint")
        added: list[Route] = []
        for found in read:
            operation = replace(found, exception_handlers=failures.handlers, stream_policy=defaults.policy)
            route = route_of(operation, defaults, failures)
            added.append(route)
            self._routes.append(route)
            present = self._router.add(operation.method, operation.template, route)
            if present is not None:
                is_same = present.operation.endpoint is endpoint
                fault = "was included already" if is_same else f"is the path of {present.operation.name} already"
                raise wiring_error(
                    f"{operation.name}.{operation.method.lower()}",
                    f"{operation.method} {operation.template.text} {fault}",
                    "Include it once, or once more with path=" if is_same else "Give one of them another path",
                )
        return added

    @property
    def operations(self) -> list[Operation]:
        """Returns the operations that the OpenAPI document lists."""
        return [route.operation for route in self.documented]

    def resolve(self) -> None:
        """Finds the dependencies of all operations. Raises `WiringError` if one is missing or cannot work."""
        self.dependencies.check()
        for route in self._routes:
            if isinstance(route, DependentRoute):
                route.resolve(self.dependencies)

    def entry(self) -> ASGIApp:
        """Returns the application that dispatches requests and websockets, with the middleware around it."""
        return self.middleware.around(Dispatcher(self._router, self._routes, self.mounts, self.failures), self.failures)

    def _defaults_of(self, endpoint: Any) -> StreamDefaults:
        policy = getattr(endpoint, "stream_policy", None)  # read_operations refuses what is not an endpoint
        if not isinstance(policy, StreamPolicy):
            return self._defaults
        admission = Admission(policy, self._defaults.streams)
        return replace(self._defaults, policy=policy, admission=admission)


class Dispatcher:
    """An ASGI application that dispatches each request to its route or mount, or answers that it has neither.

    `__call__` is async: some middleware (Sentry's) otherwise treats the application as an ASGI 2 application.
    """

    def __init__(self, router: Router[Route], routes: Sequence[Route], mounts: Mounts, failures: Failures) -> None:
        self._router = router
        # In the order of inclusion. Empty if no endpoint has exception handlers of its own.
        self._routes = routes if any(route.failures is not failures for route in routes) else ()
        self._mounts = mounts if mounts.apps else None
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request or a websocket."""
        if scope["type"] != "http":
            await self._dispatch_websocket(scope, receive, send)
            return
        found: _Target = None
        mount: Mount | None = None
        exchange: Exchange | None = None
        try:
            method: str = scope["method"]
            path: str = scope["path"]
            # A path that decoding did not make shorter has nothing that is encoded.
            is_plain = len(scope.get("raw_path") or b"") == len(path)
            is_plain = is_plain and self._mounts is None and not scope.get("root_path")
            served = "GET" if method == "HEAD" else method
            found, mount = (self._router.find(served, path), None) if is_plain else self._find(served, scope)
            if isinstance(found, Found) and mount is None:
                if found.route.may_leave_body and may_have_body(scope):
                    exchange = Exchange(scope, receive, send)
                    receive, send = exchange.receive, exchange.send
                await found.route.answer(scope, found.slots, receive, send)
            elif mount is None:
                exchange = Exchange(scope, receive, send)
                await _answer_without_route(found, scope, exchange.send)
        except BaseException as error:
            exchange = exchange or Exchange(scope, receive, send)
            await self._fail(error, found, scope, exchange.send)
        if exchange is not None:
            await exchange.finish()
        if mount is not None:
            await mount.answer(scope, receive, send)

    def _find(self, method: str, scope: Scope) -> tuple[_Target, Mount | None]:
        """Returns what the router finds for a request, and the mount that answers instead, if there is one."""
        path, segments = read_path(scope)
        found = self._router.find(method, path, segments)
        return found, None if self._mounts is None else self._mount(self._mounts, path, segments, found)

    async def _fail(self, error: BaseException, found: _Target, scope: Scope, send: Send) -> None:
        """Answers what the route raised, unless it may have come after the first byte of a stream.

        The engine raises no other `Exception` than `UnfinishedBody` after the first byte, and no `CancelledError` that
        nobody has asked for.
        """
        try:
            if isinstance(error, UnfinishedBody):
                raise error
            is_before_the_first_byte = isinstance(error, Exception | asyncio.CancelledError)
            if not is_before_the_first_byte and isinstance(found, Found) and found.route.is_stream:
                raise error
            slots = found.slots if isinstance(found, Found) else NO_SLOTS
            await self._failures_of(found, scope).answer(answerable(error), scope, send, slots)
        finally:
            del error  # its traceback refers to this frame

    def _failures_of(self, found: _Target, scope: Scope) -> Failures:
        """Returns the failures of the endpoint at the path. If several endpoints lack a method, the first answers."""
        if isinstance(found, Found):
            return found.route.failures
        if found is None or not self._routes:
            return self._failures
        path, segments = read_path(scope)
        matches = [self._router.find(method, path, segments) for method in found.allowed]
        return min((match.route for match in matches if isinstance(match, Found)), key=self._routes.index).failures

    def _mount(self, mounts: Mounts, path: str, segments: Segments | None, found: _Target) -> Mount | None:
        """Returns the mount of the path, unless an endpoint below the mount's prefix matches the path.

        A prefix precedes templates that are less exact: `/api` is before `/{tenant}/users`, and after `/api/{name}`.
        """
        mount = mounts.find(path, segments)
        if mount is None or found is None:
            return mount
        if isinstance(found, WrongMethod):
            found = self._router.find(found.allowed[0], path, segments)
        is_below = isinstance(found, Found) and mount.matches(found.route.operation.template.text)
        return None if is_below else mount

    async def _dispatch_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise ValueError(f"jero serves http, websocket and lifespan scopes, not {scope['type']!r}")
        mount: Mount | None = None
        if self._mounts is not None:
            with suppress(MalformedRequest):
                mount = self._mounts.find(*read_path(scope))
        if mount is None:
            await send({"type": "websocket.close", "code": 1000})
        else:
            await mount.answer(scope, receive, send)


async def _answer_without_route(found: _Target, scope: Scope, send: Send) -> None:
    """Answers OPTIONS. Raises `NotFound` or `MethodNotAllowed` for everything else."""
    if not isinstance(found, WrongMethod):
        raise NotFound
    allow = ", ".join(sorted({*found.allowed, "OPTIONS", *(("HEAD",) if "GET" in found.allowed else ())}))
    if scope["method"] != "OPTIONS":
        raise MethodNotAllowed(headers={"Allow": allow})
    await send_whole((204, [(b"allow", allow.encode())], b""), scope, send)
