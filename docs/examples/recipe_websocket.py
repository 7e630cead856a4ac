"""A WebSocket beside event streams: Starlette serves it, and both publish to one channel."""

from collections.abc import Collection

from msgspec import Struct
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from jero import BaseApp, Endpoint, ResumeHeaders, SSEResponse
from jero.channels import Channel, MemoryStore


class Line(Struct):
    text: str


class ChatEndpoint(Endpoint, path="/chat"):
    def __init__(self, channel: Channel[Line]) -> None:
        self._channel = channel

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Line]:
        return SSEResponse(stream=self._channel.subscribe(after=headers.last_event_id), keepalive=15)


class ChatSocket:
    def __init__(self, channel: Channel[Line], origins: Collection[str]) -> None:
        self._channel = channel
        self._origins = origins

    async def handle(self, socket: WebSocket) -> None:
        if socket.headers.get("Origin") not in self._origins:
            await socket.close()  # before it is accepted: the client gets 403
            return
        await socket.accept()
        async for text in socket.iter_text():
            await self._channel.publish(Line(text[:1_000]))


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        channel = Channel(store, "chat", Line, history=100)
        chat = ChatSocket(channel, origins={"https://chat.example"})
        self._include_endpoint(ChatEndpoint(channel))
        self._include_app(Starlette(routes=[WebSocketRoute("/chat", chat.handle)]), path="/sockets")


app = App()
