"""The application: it wires, includes, and is what the server calls."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Concatenate, ParamSpec, TypeVar, Unpack

from msgspec.json import Encoder

from jero.auth import Auth
from jero.codec import DEFAULT_ENCODER
from jero.dispatch.dispatcher import Wiring
from jero.dispatch.failures import E, ExceptionHandler, ExceptionHandlers, Failures
from jero.dispatch.stream import Admission, StreamDefaults
from jero.endpoint import Endpoint
from jero.errors import WiringError
from jero.http.asgi import ASGIApp, Receive, Scope, Send
from jero.lifespan import Lifespan
from jero.openapi.info import Description, Documentation, DocumentInfo
from jero.policy import DEFAULT_POLICY, StreamOutcome, StreamPolicy
from jero.shutdown import FatalSignal, ShutdownWatch, all_over
from jero.streaming.serve import OpenStreams

logger = logging.getLogger("jero.streams")

P = ParamSpec("P")
R = TypeVar("R")


class BaseApp:
    """An ASGI 3 application: subclass it, and include its endpoints in `_wire`.

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(MoviesEndpoint())

        app = App()  # uvicorn module:app

    `stream_policy`: the limits of streams that set none of their own. `encoder`: writes all JSON, so that its
    `enc_hook`, `decimal_format` and `uuid_format` hold everywhere. `validate_items`: whether streams check each item
    against the type that its handler declares, before it is sent; for development.
    """

    _wiring: Wiring
    _documentation: Documentation | None
    _entry: ASGIApp

    def __init__(
        self,
        *,
        stream_policy: StreamPolicy = DEFAULT_POLICY,
        encoder: Encoder | None = None,
        validate_items: bool = False,
    ) -> None:
        self._streams = OpenStreams(self._begin_stream)
        self._stream_defaults = StreamDefaults(
            encoder=encoder or DEFAULT_ENCODER,
            policy=stream_policy,
            admission=Admission(stream_policy.max_concurrent, self._streams),
            on_end=self._on_stream_end,
            streams=self._streams,
            validate_items=validate_items,
        )
        self._unwire()
        self._lifespan = Lifespan(self._start, self._stop)
        self._shutdown_watch = ShutdownWatch(self._streams.drain, lambda: len(self._streams) > 0)
        self._fatal_signal = FatalSignal(self._streams.drain)

    async def _wire(self) -> None:
        """Override it: opens what the endpoints need, and includes them. It runs once, before the first request."""

    def _include_endpoint(self, endpoint: Endpoint, *, path: str | None = None, auth: Auth | None = None) -> None:
        """Serves the endpoint, on `path` in place of its own where one is given, to callers that `auth` lets in.

        Raises `WiringError` where its declaration cannot work, or another has its method and path.
        """
        wiring = self._open_wiring("_include_endpoint")
        wiring.operations += wiring.add(endpoint, path, auth)

    def _include_middleware(
        self, factory: Callable[Concatenate[ASGIApp, P], object], /, *arguments: P.args, **options: P.kwargs
    ) -> None:
        """Puts a pure ASGI middleware, `factory(app, **options)`, around the application; the first is the outermost.

        It is made once, when `_wire` has ended, and sees requests and websockets, problems too. What it raises before
        a response has begun is answered as what a handler raises.
        """
        self._open_wiring("_include_middleware").middleware.add(factory, *arguments, **options)

    def _include_exception_handler(self, exception: type[E], handler: ExceptionHandler[E]) -> None:
        """Answers exceptions of this class, raised before the first byte of a response, by what `handler(error)` gives.

        It gives a response with a whole body, or gives or raises an `HTTPError`; it may be asynchronous. The handler
        of the class nearest to the exception's own is called. One of `Exception` is not called for an `HTTPError`;
        one of `HTTPError`, or of a subclass, is, and for the 500 of an unexpected exception as well.
        """
        self._open_wiring("_include_exception_handler").exception_handlers.add(exception, handler)

    def _include_app(self, app: ASGIApp, *, path: str) -> None:
        """Mounts another ASGI application below `path`: requests and websockets, unless an endpoint stands below it.

        It starts up when `_wire` has ended, in the order of inclusion, and shuts down before the resources close.
        """
        self._open_wiring("_include_app").mounts.add(app, path)

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
        """Serves the OpenAPI document of all endpoints on `path`, and a page that shows it on `docs_path`.

        `docs_path=None` leaves the page out, `path=None` both. `version` is the API's own; `openapi_version` is
        "3.2.0" or "3.1.0". `servers`, `description` and the others: see `jero.openapi.info.DocumentInfo`.
        The document is made once, when `_wire` has ended.
        """
        self._open_wiring("_include_openapi")
        if self._documentation is not None:
            raise WiringError("_include_openapi: it was called twice. Call it once.")
        info = DocumentInfo(title=title, version=version, **description)
        self._documentation = Documentation(info, path, docs_path, openapi_version)

    def _enter(self, manager: AbstractContextManager[R]) -> R:
        """Opens a resource for the life of the application; closed in reverse order, also when `_wire` fails."""
        return self._lifespan.enter(manager)

    async def _aenter(self, manager: AbstractAsyncContextManager[R]) -> R:
        """Opens a resource for the life of the application; closed in reverse order, also when `_wire` fails."""
        return await self._lifespan.aenter(manager)

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        """Override it to count or log: it is called once for every stream, after its last byte."""
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
        """The ASGI entry."""
        if scope["type"] == "lifespan":
            await self._lifespan.serve(receive, send)
        elif self._lifespan.is_ready or await self._is_made_ready(scope, send):
            await self._entry(scope, receive, send)

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """The life of the application, for a host that starts up nothing that is mounted in it: Starlette, FastAPI.

            Starlette(routes=[Mount("/jero", app)], lifespan=lambda _: app.lifespan())

        Raises what `_wire` raises. Without it the first request begins the life, and the event loop's end ends it.
        """
        return self._lifespan.run()

    def drain(self) -> asyncio.Future[None]:
        """Ends the open streams as a shutdown of the server does, and refuses new ones with 503 from now on.

        The future is done when all are over, those of applications of jero's that are mounted in this one too. jero
        does this by itself when the server stops listening.
        """
        mounted = [app.drain() for app in self._wiring.mounts.apps if isinstance(app, BaseApp)]
        return all_over([self._streams.drain(), *mounted])

    async def _start(self) -> None:
        self._unwire()
        await self._wire()
        if self._documentation is not None:
            for endpoint, path in self._documentation.endpoints(self._wiring.operations):
                self._wiring.add(endpoint, path)
        self._entry = self._wiring.entry()
        for startup in self._wiring.mounts.startups:
            await self._lifespan.aenter(startup)
        self._streams.open()

    async def _stop(self) -> None:
        self._shutdown_watch.close()
        self._fatal_signal.close()
        await self._streams.drain()

    def _unwire(self) -> None:
        self._wiring = Wiring(self._stream_defaults)
        self._documentation = None
        self._entry = self._wiring.entry()

    def _begin_stream(self, scope: Scope) -> None:
        self._shutdown_watch.begin(scope)
        self._fatal_signal.begin()

    def _open_wiring(self, method: str) -> Wiring:
        if not self._lifespan.is_open or self._lifespan.is_ready:
            when = "after the application has started" if self._lifespan.is_ready else "before the application starts"
            raise WiringError(f"{method}: it was called {when}. Call it in _wire.")
        return self._wiring

    async def _is_made_ready(self, scope: Scope, send: Send) -> bool:
        """Whether the application is wired now; where it cannot be, that is the answer."""
        try:
            await self._lifespan.ready()
        except Exception as error:
            await Failures(ExceptionHandlers()).refuse(error, scope, send)
            return False
        return True
