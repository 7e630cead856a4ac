"""The feeds with a stack of well-known middleware."""

from opentelemetry.instrumentation.asgi import (  # pyright: ignore[reportMissingTypeStubs] - it ships no stubs
    OpenTelemetryMiddleware,
)
from opentelemetry.sdk.trace import TracerProvider
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from jero import StreamPolicy
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send
from tests.servers.feeds import Feeds

ORIGIN = "https://shop.example"
GRACE = 0.05
SEND_TIMEOUT = 0.7
DRAIN_TIMEOUT = 0.7


class Replacing:
    """A middleware that replaces scope, `receive` and `send`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_on() -> Message:
            return dict(await receive())

        async def send_on(message: Message) -> None:
            await send(dict(message))

        await self._app(dict(scope), receive_on, send_on)


class Included(Feeds):
    """The feeds inside tracing, known hosts, other origins, compression and a replacement, the outermost first."""

    async def _wire(self) -> None:
        self._include_middleware(
            OpenTelemetryMiddleware, tracer_provider=TracerProvider(), exclude_spans=["receive", "send"]
        )
        self._include_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "test"])
        self._include_middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_headers=["Last-Event-ID"])
        self._include_middleware(GZipMiddleware, compresslevel=1)
        self._include_middleware(Replacing)
        await super()._wire()


app = Included()
impatient = Included(
    stream_policy=StreamPolicy(first_item_grace=GRACE, send_timeout=SEND_TIMEOUT, drain_timeout=DRAIN_TIMEOUT)
)
