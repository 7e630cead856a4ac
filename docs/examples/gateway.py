"""A gateway to a chat service. Run `uvicorn chat_service:app --port 8001`, then `uvicorn gateway:app`."""

import os

from msgspec import Raw

from jero import BaseApp, Endpoint, EventStreamResponse, ServerSentEvent
from jero.client import StreamClient

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8001")


class ChatEndpoint(Endpoint, path="/v1/chat/completions"):
    def __init__(self, upstream: StreamClient) -> None:
        self._upstream = upstream

    async def post(self, json: dict[str, Raw]) -> EventStreamResponse[Raw]:
        request = {**json, "stream": True}
        events = self._upstream.events("/v1/chat/completions", Raw, method="POST", json=request, until="[DONE]")
        return EventStreamResponse(stream=events, last=ServerSentEvent(data="[DONE]"))


class App(BaseApp):
    async def _wire(self) -> None:
        upstream = await self._aenter(StreamClient(UPSTREAM))
        self._include_endpoint(ChatEndpoint(upstream))


app = App()
