"""A request id in each line of the log, also in those of a stream, and in jero's own lines of a stream that fails."""

import logging
import re
from collections.abc import AsyncIterator
from contextvars import ContextVar
from uuid import uuid4

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, Request
from jero.http.asgi import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("shop")
request_id: ContextVar[str] = ContextVar("request_id", default="-")


class RequestIds:
    """Middleware: keeps the client's X-Request-ID if it is one, makes one if not, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = Request(scope).headers.get("X-Request-ID", "")
        own = sent if re.fullmatch("[A-Za-z0-9-]{8,64}", sent) else uuid4().hex
        request_id.set(own)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", own.encode())]
            await send(message)

        await self._app(scope, receive, send_with_id)


class WithRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class PricesEndpoint(Endpoint, path="/prices"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        logger.info("prices are asked for")
        return NDJSONStreamingResponse(stream=self._prices())

    async def _prices(self) -> AsyncIterator[int]:
        yield 5
        logger.info("the second price is missing")
        raise LookupError("no second price")


class App(BaseApp):
    async def _wire(self) -> None:
        handler = logging.StreamHandler()
        handler.addFilter(WithRequestId())
        logging.basicConfig(level="INFO", format="[%(request_id)s] %(name)s: %(message)s", handlers=[handler])
        self._include_middleware(RequestIds)
        self._include_endpoint(PricesEndpoint())


app = App()
