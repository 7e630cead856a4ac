"""The application: what it includes in `_wire`, its resources, and the entry that the server calls."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, Unpack, cast

from msgspec.json import Encoder

from jero.annotations import wiring_error
from jero.auth import Auth
from jero.codec import DEFAULT_ENCODER
from jero.connection import Connections
from jero.contract.dependencies import Dependency, Key, read_key, read_override
from jero.contract.exceptions import E, ExceptionHandler
from jero.contract.problems import ProblemRenderer
from jero.dispatch.departures import Departures
from jero.dispatch.dispatcher import Wiring
from jero.dispatch.failures import Failures, answerable
from jero.dispatch.reporting import reporting
from jero.dispatch.stream import Admission, StreamDefaults
from jero.endpoint import Endpoint
from jero.errors import WiringError
from jero.hooks import OPTIONS, check_hooks
from jero.http.asgi import ASGIApp, Receive, Scope, Send
from jero.lifespan import Lifespan, RefusedClass, is_scope
from jero.names import check_value
from jero.openapi.info import Description, Documentation, DocumentInfo
from jero.policy import DEFAULT_POLICY, OpenStream, StreamOutcome, StreamPolicy, StreamStart
from jero.shutdown import ShutdownWatch
from jero.streaming.serve import OpenStreams

logger = logging.getLogger("jero.streams")

P = ParamSpec("P")
R = TypeVar("R")
K = TypeVar("K", bound=type[Exception])


class BaseApp:
    """An ASGI 3 application. Subclass it, and include endpoints in `_wire`.

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(MoviesEndpoint())

        app = App()  # uvicorn module:app

    `stream_policy`: the limits of streams whose endpoint or response sets no policy.
    `encoder`: encodes all JSON, so its `enc_hook`, `decimal_format` and `uuid_format` apply everywhere.
    `validate_items`: whether each value, and each item of a stream, is checked against the type that the handler
    declares; meant for development.
    """

    _lifespan: Lifespan
    _wiring: Wiring
    _documentation: Documentation | None
    _entry: ASGIApp

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        check_hooks(cls, BaseApp)

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """Makes an application. If a server calls the class with a scope, makes what refuses to start instead."""
        if arguments and is_scope(arguments[0]):
            return cast("Self", RefusedClass(cls.__name__, *arguments))
        return super().__new__(cls)

    def __init__(
        self,
        *,
        stream_policy: StreamPolicy = DEFAULT_POLICY,
        encoder: Encoder | None = None,
        validate_items: bool = False,
    ) -> None:
        given = {"stream_policy": stream_policy, "encoder": encoder, "validate_items": validate_items}
        for name, value in given.items():
            check_value(name, value, OPTIONS, f"{type(self).__name__}.__init__")
        self._streams = OpenStreams(self._stream_opened)
        connections = Connections()
        self._departures = Departures(connections, self._streams)
        # If the application does not override the hook, a stream does not call it.
        hook = self._on_stream_start
        on_start = None if getattr(hook, "__func__", None) is BaseApp._on_stream_start else hook
        self._stream_defaults = StreamDefaults(
            encoder=encoder or DEFAULT_ENCODER,
            policy=stream_policy,
            admission=Admission(stream_policy, self._streams),
            on_end=self._on_stream_end,
            on_start=on_start,
            streams=self._streams,
            connections=connections,
            departures=self._departures,
            validate_items=validate_items,
        )
        self._overriding: Sequence[tuple[Key, Dependency]] = ()
        self._overrides: dict[Key, Dependency] = {}
        self._shutdown_watch = ShutdownWatch(self._streams.drain, lambda: len(self._streams) > 0)
        self._lifespan = Lifespan(self._start, self._stop)
        self._unwire()

    async def _wire(self) -> None:
        """Override it to open resources and to include endpoints. Runs once, before the first request."""

    def _include_endpoint(
        self,
        endpoint: Endpoint,
        *,
        path: str | None = None,
        auth: Auth | None = None,
        exception_handlers: Mapping[K, ExceptionHandler[Any]] | None = None,
    ) -> None:
        """Serves the endpoint.

        `path`: a path template, instead of the endpoint's own.
        `auth`: checks who calls, before the body is read.
        `exception_handlers`: handlers for requests to the endpoint's path, by exception class, as those of
        `_include_exception_handler`. They come before the application's: the endpoint's handler of a base class is
        called even if the application has one of a nearer class. What the endpoint's handlers do not match goes to the
        application's, and then to jero's own answer. An `HTTPError` that a handler returns or raises goes the same way,
        but each handler is called once at most. If a handler raises anything else, the client gets a 500 as a problem.
        A 405 for a path of several endpoints has the handlers of the endpoint that was included first.

        An argument that is not given is taken from the endpoint's attribute of its name, if it has one.

        Raises `WiringError` if the endpoint's declaration cannot work, if another endpoint has the same method and
        path, or if an exception handler cannot be one.
        """
        wiring = self._open_wiring("_include_endpoint")
        wiring.documented += wiring.add(endpoint, path, auth, exception_handlers)

    def _include_group(
        self,
        prefix: str,
        *endpoints: Endpoint,
        auth: Auth | None = None,
        tags: Sequence[str] = (),
        exception_handlers: Mapping[K, ExceptionHandler[Any]] | None = None,
        problems: ProblemRenderer | None = None,
    ) -> None:
        """Serves the endpoints below the prefix, for a version, a tenant or a dialect of the API.

        `prefix`: stands before the path of each endpoint, and may have slots, as in `/{tenant}/v1`. An endpoint whose
        path is `/` has the path of the prefix itself.
        `auth`: the authenticator of those endpoints that have no attribute `auth`.
        `tags`: list the operations in the OpenAPI document, before tags of their own.
        `exception_handlers`: come after those of an endpoint, and before the application's. They also answer for paths
        below the prefix that no endpoint has.
        `problems`: renders the problem of every refusal below the prefix in another shape: of the endpoints of this
        group and of others, and of paths that no endpoint has. It is called as `render(problem)`, or as
        `render(problem, request)` if it has two parameters, and may be `async def`. It returns the body, such as a
        Struct, which is sent with the problem's status; or a whole response, with a status of its own. Both get the
        headers of the refusal. If several prefixes match a path, the longest that has `problems` counts. If it raises,
        that is logged, and the problem is sent as it is.

        Raises `WiringError` as `_include_endpoint` does, if `prefix` is not a prefix, and if `problems` cannot be
        called or is given twice for a prefix.
        """
        wiring = self._open_wiring("_include_group")
        wiring.documented += wiring.add_group(prefix, endpoints, auth, tags, exception_handlers, problems)

    def _include_dependency(
        self, factory: Callable[..., AbstractAsyncContextManager[Any] | AsyncIterator[Any]], *, as_: Any = None
    ) -> None:
        """Opens what the factory makes for each request whose handler has a parameter of that type, and closes it.

        `factory`: returns an async context manager, or is an async generator function that yields once. It is called
        with arguments by name, like a handler, but without the body: `path` may have some of the slots, and parameters
        of other types are dependencies. Parameters with a default are left alone.
        `as_`: the type that parameters ask for, if it is not the one that the factory's annotations name, such as an
        interface. `Annotated[Session, "reports"]` distinguishes two dependencies of one type.

        A dependency is opened once a request, after the body was read, in the task that closes it. It is closed before
        the first byte of a whole answer; in a stream, after the last item and before the end of the body, within
        `StreamPolicy.teardown_timeout` seconds. If it raises then, the request fails, and its client sees that. It is
        left with the exception of a handler or a source that fails, with `StreamInterrupted` if the stream was cut
        short, and with `CancelledError` or `ClientDisconnected` if the handler was cancelled.

        Raises `WiringError` if the factory cannot be one. After `_wire`, the startup fails if a parameter has a type
        that is not included, if dependencies need each other, or if an operation lacks what a dependency takes.
        """
        self._open_wiring("_include_dependency").dependencies.add(factory, as_)

    def _include_middleware(
        self, factory: Callable[Concatenate[ASGIApp, P], object], /, *arguments: P.args, **options: P.kwargs
    ) -> None:
        """Puts a pure ASGI middleware, `factory(app, *arguments, **options)`, around it. The first is the outermost.

        The factory is called once, after `_wire`. The middleware sees requests, websockets and error responses. An
        exception that it raises before the response has begun is answered like an exception of a handler.
        """
        self._open_wiring("_include_middleware").middleware.add(factory, *arguments, **options)

    def _include_exception_handler(self, exception: type[E], handler: ExceptionHandler[E]) -> None:
        """Answers exceptions of this class with `handler(error)`, if they are raised before a response's first byte.

        A handler with a second parameter is called with the request: `handler(error, request)`. It returns a response
        with a whole body, or returns or raises an `HTTPError`; it may be `async def`.
        If several classes match, the handler of the nearest class is called. A handler of `Exception` is not called
        for an `HTTPError`. A handler of `HTTPError` is also called for the 500 of an unexpected exception.

        Raises `WiringError` if `exception` is not a class of exceptions or has a handler already, or if the handler
        does not take these arguments.
        """
        where = "_include_exception_handler"
        self._open_wiring(where).failures.handlers.add(exception, handler, where)

    def _include_app(self, app: ASGIApp, *, path: str, auth: Auth | None = None, reports_streams: bool = False) -> None:
        """Mounts another ASGI application below `path`, for requests and websockets that no endpoint there matches.

        Mounted applications start up after `_wire`, in the order of inclusion. They shut down before the resources
        close.

        `auth`: checks who calls, before the application is called, for each request and each websocket. The user is
        `scope["user"]` in the application. A request that is refused gets a problem, and a websocket is not accepted.
        `reports_streams`: calls `_on_stream_start` and `_on_stream_end` of this application for the streams of `app`,
        too, after those of `app`. It must be a `BaseApp`.

        Raises `WiringError` if `app` is not an ASGI application, if the path is not one without slots that begins with
        "/", if it has an application already, if the authenticator cannot work, or if `app` cannot report its streams.
        """
        wiring = self._open_wiring("_include_app")
        wiring.mounts.add(app, path, auth)
        if not reports_streams:
            return
        if not isinstance(app, BaseApp):
            found = f"reports_streams=True, but {type(app).__name__} is not a BaseApp"
            raise wiring_error("_include_app", found, "Leave reports_streams out")
        self._reporting.append(app)

    def _include_openapi(
        self,
        *,
        title: str,
        version: str,
        path: str | None = "/openapi.json",
        docs_path: str | None = "/docs",
        openapi_version: str = "3.2.0",
        **description: Unpack[Description],
    ) -> None:
        """Serves the OpenAPI document of all endpoints on `path`, and a page that shows the document on `docs_path`.

        `title`, `version`: the name and the version of the API.
        `path`: `None` leaves out the document and the page.
        `docs_path`: `None` leaves out the page.
        `openapi_version`: "3.2.0" or "3.1.0".
        `**description`: `servers`, `description` and the other fields of `jero.openapi.info.DocumentInfo`.

        The document is written once, after `_wire`. Raises `WiringError` if this is called twice, or if an argument
        cannot be in the document.
        """
        self._open_wiring("_include_openapi")
        if self._documentation is not None:
            raise WiringError("_include_openapi: it was called twice. Call it once.")
        info = DocumentInfo(title=title, version=version, **description)
        self._documentation = Documentation(info, path, docs_path, openapi_version)

    def _enter(self, manager: AbstractContextManager[R]) -> R:
        """Opens a resource for as long as the application runs. Resources close in reverse, also if `_wire` fails.

        Returns what the context manager returns on entry. Raises `WiringError` for an asynchronous one.
        """
        return self._lifespan.enter(manager)

    async def _aenter(self, manager: AbstractAsyncContextManager[R]) -> R:
        """Opens a resource for as long as the application runs. Resources close in reverse, also if `_wire` fails.

        Returns what the context manager returns on entry. Raises `WiringError` for a synchronous one.
        """
        return await self._lifespan.aenter(manager)

    async def _on_stream_start(self, start: StreamStart) -> None:
        """Override it to count open streams. Called once for every stream, before its source is opened.

        `start`: the endpoint and the method.

        For each call `_on_stream_end` is called once, later, whatever ends the stream. The stream waits for the hook,
        up to `StreamPolicy.teardown_timeout` seconds. What the hook raises is logged.
        """

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        """Override it to count or log streams. Called once for every stream, after its last byte.

        `outcome`: how the stream ended. Without an override it is logged, at level INFO of `jero.streams`.
        """
        logger.info(
            "%s %s: %s after %d items, %d bytes, %.3f s",
            outcome.method,
            outcome.endpoint,
            outcome.reason,
            outcome.items,
            outcome.bytes,
            outcome.duration,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a lifespan, a request or a websocket of the server (ASGI 3)."""
        try:
            lifespan = self._lifespan
        except AttributeError:
            lifespan = self._lifespan_without_init()
        if scope["type"] == "lifespan":
            await lifespan.serve(receive, send)
        elif lifespan.is_ready or await self._become_ready(scope, receive, send):
            await self._entry(scope, receive, send)

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Starts the application on entry, and shuts it down on exit.

        Use it if the host does not start the applications mounted in it. Starlette and FastAPI do not:

            Starlette(routes=[Mount("/jero", app)], lifespan=lambda _: app.lifespan())

        Raises what `_wire` raises. Without it, the first request starts the application, and it shuts down when the
        event loop ends.
        """
        return (self._lifespan if hasattr(self, "_lifespan") else self._lifespan_without_init()).run()

    def streams(self) -> Sequence[OpenStream]:
        """Returns the open streams of this process, including those of mounted applications that are a `BaseApp`.

        Serve them to operators alone: they contain the addresses of clients.
        """
        mounted = [stream for app in self._mounted_apps() for stream in app.streams()]
        return (*self._streams.reports(), *mounted)

    def stop_stream(self, stream_id: str) -> bool:
        """Stops an open stream, with the outcome "stopped". Returns whether there is one of this id in this process.

        `stream_id`: the id of an `OpenStream`.

        An `SSEResponse` ends properly, and its client reconnects. Any other stream is cut, as by `max_duration`.
        """
        return self._streams.stop(stream_id) or any(app.stop_stream(stream_id) for app in self._mounted_apps())

    @contextmanager
    def override(self, dependency: Any, replacement: Any) -> Generator[None]:
        """Replaces a dependency within a `with` block, for tests. Requests that have begun keep theirs.

            with app.override(Session, FakeSession()), TestClient(app) as client: ...

        `dependency`: the type, as a parameter names it.
        `replacement`: the value itself, or a factory, as `_include_dependency` takes one.

        Raises `WiringError` if the application includes no such dependency, or if the factory cannot be one.
        """
        override = read_key(dependency), read_override(dependency, replacement)
        try:
            self._override((*self._overriding, override))
            yield
        finally:  # blocks of several tasks may end in any order
            self._override([other for other in self._overriding if other is not override])

    def drain(self) -> asyncio.Future[None]:
        """Ends the open streams as a shutdown of the server does. From now on, new streams are refused with 503.

        The future is done when all streams are over, including those of mounted applications that are a `BaseApp`.
        jero drains automatically when the server stops listening.
        """
        mounted = [app.drain() for app in self._mounted_apps()]
        return asyncio.ensure_future(_all_done([self._streams.drain(), *mounted]))

    def _override(self, overriding: Sequence[tuple[Key, Dependency]]) -> None:
        self._overriding = overriding  # of two that replace one dependency, the last counts
        self._overrides.clear()
        self._overrides.update(overriding)
        if self._lifespan.is_ready:
            self._wiring.resolve()

    def _mounted_apps(self) -> "list[BaseApp]":
        return [app for app in self._wiring.mounts.apps if isinstance(app, BaseApp)]

    def _lifespan_without_init(self) -> Lifespan:
        """Returns the lifespan of an application whose `__init__` is not BaseApp's, so that its startup can fail."""
        self._lifespan = Lifespan(self._start, self._stop)
        return self._lifespan

    async def _start(self) -> None:
        name = type(self).__name__
        if not hasattr(self, "_stream_defaults"):
            found = "it does not call the __init__ of BaseApp"
            raise wiring_error(f"{name}.__init__", found, "Write super().__init__() as its first line")
        self._unwire()
        wired: object = self._wire()
        if not inspect.isawaitable(wired):
            raise wiring_error(f"{name}._wire", "it is not async def", "Write async def _wire(self) -> None")
        await wired
        self._wiring.resolve()
        if self._documentation is not None:
            for endpoint, path in self._documentation.endpoints(self._wiring.operations):
                self._wiring.add(endpoint, path)
        self._entry = self._wiring.entry()
        for app in dict.fromkeys(self._reporting):
            self._lifespan.enter(app._reporting_to(self._stream_defaults))  # noqa: SLF001 - of this class
        for startup in self._wiring.mounts.startups:
            await self._lifespan.aenter(startup)
        self._streams.open()

    async def _stop(self) -> None:
        self._shutdown_watch.close()
        await self._streams.drain()
        self._departures.close()

    def _unwire(self) -> None:
        self._wiring = Wiring(self._stream_defaults, self._overrides)
        self._documentation = None
        self._reporting: list[BaseApp] = []
        self._entry = self._wiring.entry()

    @contextmanager
    def _reporting_to(self, outer: StreamDefaults) -> Generator[None]:
        """Also calls the hooks of the application that this one is mounted in, from its next startup on."""
        own = self._stream_defaults
        self._stream_defaults = reporting(own, outer)
        try:
            yield
        finally:
            self._stream_defaults = own

    def _stream_opened(self, scope: Scope) -> None:
        if not self._shutdown_watch.is_looking:
            self._shutdown_watch.begin(scope)
        if not self._departures.is_looking:
            self._departures.begin()

    def _open_wiring(self, method: str) -> Wiring:
        lifespan: Lifespan | None = getattr(self, "_lifespan", None)  # missing before the __init__ of BaseApp
        if lifespan is None or not lifespan.is_open or lifespan.is_ready:
            has_started = lifespan is not None and lifespan.is_ready
            when = "after the application has started" if has_started else "before the application starts"
            raise WiringError(f"{method}: it was called {when}. Call it in _wire.")
        return self._wiring

    async def _become_ready(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Returns whether the application is wired now. Answers the request if wiring failed."""
        try:
            await self._lifespan.ready()
        except BaseException as error:
            failures = self._wiring.failures.without_handlers() if hasattr(self, "_wiring") else Failures()
            await failures.refuse(answerable(error), scope, receive, send)
            return False
        return True


async def _all_done(futures: Sequence[asyncio.Future[None]]) -> None:
    await asyncio.wait(futures)
