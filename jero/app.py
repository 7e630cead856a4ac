"""The application: it wires, includes, and is what the server calls."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TypeVar

import msgspec
from msgspec.json import Encoder

from jero.codec import DEFAULT_ENCODER
from jero.contract.operation import read_operations
from jero.dispatch.admission import Admission
from jero.dispatch.buffered import send_whole
from jero.dispatch.failures import send_failure
from jero.dispatch.route import Route
from jero.dispatch.streamed import StreamDefaults
from jero.drain import FatalSignal, ShutdownWatch
from jero.endpoint import Endpoint
from jero.errors import MethodNotAllowed, NotFound, WiringError
from jero.http.asgi import Receive, Scope, Send, route_path
from jero.lifespan import Lifespan
from jero.policy import DEFAULT_POLICY, StreamOutcome, StreamPolicy
from jero.router import Router, WrongMethod
from jero.streaming.open_streams import OpenStreams

logger = logging.getLogger("jero.streams")

R = TypeVar("R")


class BaseApp:
    """An ASGI 3 application: subclass it, and include its endpoints in `_wire`.

        class App(BaseApp):
            async def _wire(self) -> None:
                self._include_endpoint(MoviesEndpoint())

        app = App()  # uvicorn module:app

    `stream_policy`: the limits of streams that set none of their own. `encoder`: writes all JSON, so that its
    `enc_hook`, `decimal_format` and `uuid_format` hold everywhere.
    """

    def __init__(self, *, stream_policy: StreamPolicy = DEFAULT_POLICY, encoder: Encoder | None = None) -> None:
        self._encoder = encoder or DEFAULT_ENCODER
        self._streams = OpenStreams()
        admission = Admission(stream_policy.max_concurrent, self._streams)
        self._stream_defaults = StreamDefaults(
            self._encoder, stream_policy, admission, self._on_stream_end, self._streams
        )
        self._router: Router[Route] = Router()
        self._lifespan = Lifespan(self._start, self._stop)
        self._shutdown_watch = ShutdownWatch(self._streams.drain, lambda: len(self._streams) > 0)
        self._fatal_signal = FatalSignal(self._streams.drain)

    async def _wire(self) -> None:
        """Override it: opens what the endpoints need, and includes them. It runs once, before the first request."""

    def _include_endpoint(self, endpoint: Endpoint, *, path: str | None = None) -> None:
        """Serves the endpoint, on `path` in place of its own where one is given.

        Raises `WiringError` where its declaration cannot work, or another has its method and path.
        """
        if not self._lifespan.is_open:
            raise WiringError("_include_endpoint: it was called before the application starts. Call it in _wire.")
        defaults = self._stream_defaults
        policy: StreamPolicy | None = getattr(endpoint, "stream_policy", None)  # what is no endpoint is refused below
        if policy is not None:
            admission = Admission(policy.max_concurrent, self._streams)
            defaults = msgspec.structs.replace(defaults, policy=policy, admission=admission)
        for operation in read_operations(endpoint, path, has_enc_hook=self._encoder.enc_hook is not None):
            present = self._router.add(operation.method, operation.template, Route(operation, defaults))
            if present is not None:
                raise WiringError(
                    f"{operation.name}.{operation.method.lower()}: {operation.method} {operation.template.text} is "
                    f"{present.operation.name}'s already. Give one of them another path."
                )

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
        if scope["type"] == "http":
            try:
                if not self._lifespan.is_ready:
                    await self._lifespan.ready()
                await self._answer(scope, receive, send)
            except Exception as error:
                await send_failure(error, scope, send)
        elif scope["type"] == "lifespan":
            await self._lifespan.serve(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def drain(self) -> asyncio.Future[None]:
        """Ends the open streams as a shutdown of the server does, and refuses new ones with 503 from now on.

        The future is done when all are over. jero does this by itself when the server stops listening.
        """
        return self._streams.drain()

    async def _start(self) -> None:
        self._router = Router()
        await self._wire()
        self._streams.open()

    async def _stop(self) -> None:
        self._shutdown_watch.close()
        self._fatal_signal.close()
        await self._streams.drain()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        found = self._router.find("GET" if method == "HEAD" else method, route_path(scope))
        if found is None:
            raise NotFound
        if not isinstance(found, WrongMethod):
            if found.route.is_stream:
                self._shutdown_watch.begin(scope)
                self._fatal_signal.begin()
            await found.route.answer(scope, found.slots, receive, send)
            return
        allow = ", ".join(sorted({*found.allowed, "OPTIONS", *(("HEAD",) if "GET" in found.allowed else ())}))
        if method != "OPTIONS":
            raise MethodNotAllowed(headers={"Allow": allow})
        await send_whole(204, [(b"allow", allow.encode())], None, scope, send)
