"""A channel for each room of a chat: any name, at any time, and nothing kept for a room that nobody uses."""

from dataclasses import dataclass

from msgspec import Struct

from jero import BaseApp, Created, Endpoint, ResumeHeaders, SSEResponse
from jero.channels import Channels, MemoryStore


class Message(Struct):
    text: str


class Posted(Struct):
    id: str


class RoomPath(Struct):
    room: str


@dataclass
class RoomEndpoint(Endpoint, path="/rooms/{room}"):
    rooms: Channels[Message]

    async def get(self, path: RoomPath, headers: ResumeHeaders) -> SSEResponse[Message]:
        return SSEResponse(stream=self.rooms[path.room].subscribe(after=headers.last_event_id), keepalive=15)

    async def post(self, path: RoomPath, json: Message) -> Created[Posted]:
        return Created(Posted(await self.rooms[path.room].publish(json)))


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        rooms = Channels(store, "room", Message, history=200, keep=3600)
        self._include_endpoint(RoomEndpoint(rooms))


app = App()
