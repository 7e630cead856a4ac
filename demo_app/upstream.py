"""Reaches the chat-completions service behind the demo, by HTTP."""

from types import TracebackType
from typing import Any, Final, Self

import httpx

from demo_app.settings import Service
from jero.client import EventStream, RequestRefused, StreamClient

CONNECT_TIMEOUT: Final = 5.0
# Of a whole answer, after its decompression. It may contain images or sound.
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_JSON: Final = {"Content-Type": "application/json"}
_COMPLETIONS: Final = "chat/completions"


class Upstream:
    """A client of the service, to be entered with `async with`. It authenticates with the server's own key.

    `model`: answers if a request names none. `timeout`: the longest silence of the service, in seconds.
    """

    def __init__(self, service: Service, timeout: float) -> None:
        self.model = service.model
        self.timeout = timeout
        self._client = httpx.AsyncClient(
            base_url=service.base_url,
            headers={"Authorization": f"Bearer {service.api_key}"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            follow_redirects=True,
            # The environment's proxies must not be used for a server in this process.
            trust_env=not service.is_embedded,
        )
        self._streams = StreamClient(client=self._client, idle_timeout=timeout)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._client.__aexit__(exc_type, exc_value, traceback)

    def events(self, type_: type[Any], request: bytes) -> EventStream[Any]:
        """Returns the event stream that answers a request for completions, up to its `[DONE]`."""
        return self._streams.events(_COMPLETIONS, type_, method="POST", content=request, headers=_JSON, until="[DONE]")

    async def complete(self, request: bytes) -> bytes:
        """Returns the body of a whole answer, of at most 64 MiB. Raises `RequestRefused`, and the errors of httpx."""
        return await self._body("POST", _COMPLETIONS, content=request, headers=_JSON)

    async def models(self) -> bytes:
        """Returns the body of the list of models. Raises `RequestRefused`, and the errors of httpx."""
        return await self._body("GET", "models")

    async def _body(self, method: str, url: str, **options: Any) -> bytes:
        async with self._client.stream(method, url, **options) as response:
            if not response.is_success:
                raise await RequestRefused.read(response)
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise httpx.DecodingError("The answer is too long.", request=response.request)
            return bytes(body)
