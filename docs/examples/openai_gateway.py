"""A gateway in OpenAI's dialect. Run `uvicorn chat_service:app --port 8001`, then `uvicorn openai_gateway:app`.

`UPSTREAM` may list several services, the preferred one first, with spaces between them.
"""

import logging
import os
from collections.abc import Iterable, Mapping

import httpx
from msgspec import DecodeError, Raw, Struct
from msgspec.json import decode
from upstreams import FIRST_EVENT, PASSED_ON, Request, Upstreams, http_client, read

from jero import BaseApp, Endpoint, EventStreamResponse, HTTPError, JSONResponse, ServerSentEvent, StreamPolicy
from jero.client import RequestRefused

logger = logging.getLogger("gateway")

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8001")
KEY = os.environ.get("UPSTREAM_KEY", "none")


class Error(Struct):
    message: str
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class Failure(Struct):
    """An error as OpenAI's service sends it."""

    error: Error


class Known(Struct):
    """The fields of a request that the gateway reads. It passes on all, and the service checks the others."""

    stream: bool | None = None


class ChatEndpoint(Endpoint, path="/v1/chat/completions"):
    cancel_on_disconnect = True
    stream_policy = StreamPolicy(first_item_grace=FIRST_EVENT + 1, max_duration=600, max_per_caller=20)

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def post(self, json: Request) -> Raw | EventStreamResponse[Raw]:
        if read(json, Known).stream:
            return EventStreamResponse(stream=self._upstreams.events(json), last=ServerSentEvent(data="[DONE]"))
        return await self._upstreams.complete(json)

    async def on_stream_error(self, error: Exception) -> Failure:
        return failed(error).content


def failed(error: Exception) -> JSONResponse[Failure]:
    """Returns the answer to a request that failed. Its content is also the last event of a stream that fails later."""
    match error:
        case RequestRefused(response=response) if response.status_code in PASSED_ON:
            return refused(response)
        case HTTPError():
            return answer(error.status, error.detail or error.title, error.headers)
        case TimeoutError() | httpx.TimeoutException():
            return answer(504, "The upstream took too long.")
        case httpx.HTTPError() | DecodeError() | RecursionError():
            logger.warning("The upstream failed: %r", error)
            return answer(502, "The upstream failed.")
        case _:
            return answer(500, "The gateway failed.")


def refused(response: httpx.Response) -> JSONResponse[Failure]:
    """Keeps the upstream's status and `Retry-After`, and its error if the body has one."""
    kept = {name: value for name, value in response.headers.items() if name == "retry-after"}
    try:
        content = decode(response.content, type=Failure)
    except ValueError:
        return answer(response.status_code, "The upstream refused the request.", kept)
    return JSONResponse(content=content, status_code=response.status_code, raw_headers=kept)


def answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse[Failure]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse(content=Failure(Error(message, kind)), status_code=status, raw_headers=headers or {})


class App(BaseApp):
    def __init__(self, clients: Iterable[httpx.AsyncClient] = ()) -> None:
        super().__init__()
        self._clients = list(clients)

    async def _wire(self) -> None:
        clients = self._clients or [
            await self._aenter(http_client(url, {"Authorization": f"Bearer {KEY}"})) for url in UPSTREAM.split()
        ]
        endpoint = ChatEndpoint(Upstreams(clients, "/v1/chat/completions", until="[DONE]"))
        failures = (HTTPError, httpx.HTTPError, TimeoutError, DecodeError, RecursionError)
        self._include_endpoint(endpoint, exception_handlers=dict.fromkeys(failures, failed))


app = App()
