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
from jero.contract.problems import Renderer, read_renderer
from jero.dispatch.around import Middleware, Mount, Mounts
from jero.dispatch.dependent import DependentRoute, route_of
from jero.dispatch.failures import Failures, answerable
from jero.dispatch.groups import GROUP, Group, read_group, read_prefix
from jero.dispatch.respond import send_whole
from jero.dispatch.route import Route
from jero.dispatch.stream import Admission, StreamDefaults
from jero.dispatch.unread import Exchange, may_have_body
from jero.endpoint import Endpoint
from jero.errors import MalformedRequest, MethodNotAllowed, NotFound, UnfinishedBody
from jero.http.asgi import ASGIApp, Receive, Scope, Send
from jero.http.path import Segments, path_segments, read_path
from jero.http.request import NO_SLOTS
from jero.policy import StreamPolicy
from jero.routing import Found, Prefixes, Router, WrongMethod

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
        self._groups: Prefixes[Failures] = Prefixes()
        self._single = Group("_include_endpoint", "", self.failures)

    def add_group(
        self, prefix: str, endpoints: Sequence[Endpoint], auth: Auth | None, tags: Any, handlers: Any, problems: Any
    ) -> list[Route]:
        """Serves the endpoints below the prefix, and returns the routes of their operations.

        Raises `WiringError` as `add` does, if the prefix cannot be one, if `problems` cannot be called with a problem
        or another function renders those of the prefix, and if there is nothing to include.
        """
        template = read_prefix(prefix)
        group = read_group(prefix, self.failures.inside(handlers, GROUP), auth, tags)
        if problems is not None:
            renderer = read_renderer(problems, GROUP)
            if self.failures.renderers.add(template, renderer) not in (None, renderer):
                raise wiring_error(GROUP, f"{prefix} has problems= already", "Give it in one of the two calls")
        elif not endpoints:
            raise wiring_error(GROUP, f"{prefix} has no endpoint", 'Write self._include_group("/v1", endpoint)')
        if handlers is not None:
            self._groups.add(template, group.failures)
        return [route for endpoint in endpoints for route in self.add(endpoint, None, group=group)]

    def add(
        self,
        endpoint: Endpoint,
        path: str | None,
        auth: Auth | None = None,
        exception_handlers: Any = None,
        group: Group | None = None,
    ) -> list[Route]:
        """Serves the endpoint's operations, and returns their routes. What it declares comes before its group's.

        Raises `WiringError` if its declaration cannot work, if another endpoint has the same method and path, or if one
        of the `exception_handlers` cannot be one.
        """
        group = group or self._single
        defaults = self._defaults_of(endpoint)
        auth = _attribute(endpoint, "auth", group.auth) if auth is None else auth
        has_enc_hook = defaults.encoder.enc_hook is not None
        read = read_operations(
            endpoint, path, auth=auth, has_enc_hook=has_enc_hook, prefix=group.prefix, where=group.where
        )
        handlers = exception_handlers
        if handlers is None:
            handlers = _attribute(endpoint, "exception_handlers", None)
        failures = group.failures.inside(handlers, group.where)
        added = [route_of(self._completed(found, group, failures, defaults), defaults, failures) for found in read]
        for route in added:
            operation = route.operation
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

    @staticmethod
    def _completed(found: Operation, group: Group, failures: Failures, defaults: StreamDefaults) -> Operation:
        tags = tuple(dict.fromkeys((*group.tags, *(found.notes.tags or ()))))
        notes = replace(found.notes, tags=tags)
        return replace(found, exception_handlers=failures.handlers, stream_policy=defaults.policy, notes=notes)

    @property
    def operations(self) -> list[Operation]:
        """Returns the operations that the OpenAPI document lists."""
        found = [(route.operation, self._renderer_of(route.operation)) for route in self.documented]
        return [replace(operation, renderer=renderer) for operation, renderer in found]

    def resolve(self) -> None:
        """Finds the dependencies of all operations. Raises `WiringError` if one is missing or cannot work."""
        self.dependencies.check()
        for route in self._routes:
            if isinstance(route, DependentRoute):
                route.resolve(self.dependencies)

    def entry(self) -> ASGIApp:
        """Returns the application that dispatches requests and websockets, with the middleware around it.

        It is a method, because a call of a method costs less than one of its object.
        """
        dispatcher = Dispatcher(self._router, self._routes, self.mounts, self.failures, self._groups)
        outermost: Any = self.middleware.around(dispatcher, self.failures)
        entry: ASGIApp = outermost.__call__
        return entry

    def _renderer_of(self, operation: Operation) -> Renderer | None:
        found = self.failures.renderers.find(operation.template.segments)
        return None if found is None else found.route

    def _defaults_of(self, endpoint: Any) -> StreamDefaults:
        policy = getattr(endpoint, "stream_policy", None)  # read_operations refuses what is not an endpoint
        if not isinstance(policy, StreamPolicy):
            return self._defaults
        admission = Admission(policy, self._defaults.streams)
        return replace(self._defaults, policy=policy, admission=admission)


def _attribute(endpoint: object, name: str, default: Any) -> Any:
    """Returns what the endpoint declares, or the default if it declares nothing. Raises what a property raises."""
    try:
        return getattr(endpoint, name)
    except AttributeError:
        if hasattr(type(endpoint), name):  # a property that fails declares something: the endpoint must not be open
            raise
        return default


class Dispatcher:
    """An ASGI application that dispatches each request to its route or mount, or answers that it has neither.

    `__call__` is async: some middleware (Sentry's) otherwise treats the application as an ASGI 2 application.
    """

    def __init__(
        self,
        router: Router[Route],
        routes: Sequence[Route],
        mounts: Mounts,
        failures: Failures,
        groups: Prefixes[Failures],
    ) -> None:
        self._router = router
        # In the order of inclusion. Empty if no endpoint has exception handlers of its own.
        self._routes = routes if any(route.failures is not failures for route in routes) else ()
        self._mounts = mounts if mounts.apps else None
        self._failures = failures
        self._groups = groups

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
                route = found.route
                if route.may_leave_body and may_have_body(scope):
                    exchange = Exchange(scope, receive, send)
                    receive, send = exchange.receive, exchange.send
                await route.answer(scope, found.slots, receive, send)
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
            failures, slots = self._failures_of(found, scope)
            await failures.answer(answerable(error), scope, send, slots)
        finally:
            del error  # its traceback refers to this frame

    def _failures_of(self, found: _Target, scope: Scope) -> tuple[Failures, Mapping[str, str]]:
        """Returns the failures of the endpoint at the path, and the slots that are known.

        If several endpoints lack a method, the first answers. If no endpoint has the path, its group answers.
        """
        if isinstance(found, Found):
            return found.route.failures, found.slots
        if found is None:
            group = self._groups.find(path_segments(scope))
            return (self._failures, NO_SLOTS) if group is None else (group.route, group.slots)
        if not self._routes:
            return self._failures, NO_SLOTS
        path, segments = read_path(scope)
        matches = [self._router.find(method, path, segments) for method in found.allowed]
        first = min((match.route for match in matches if isinstance(match, Found)), key=self._routes.index)
        return first.failures, NO_SLOTS

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
