"""One stream of several channels: a room, the user and the news of everybody, with one id for all of them."""

from dataclasses import dataclass

from msgspec import Struct

from jero import BaseApp, Created, Endpoint, ResumeHeaders, SSEResponse
from jero.channels import Channel, Channels, MemoryStore, subscribe


class Message(Struct, tag="message"):
    text: str


class Mention(Struct, tag="mention"):
    room: str


class News(Struct, tag="news"):
    title: str


class Posted(Struct):
    id: str


class RoomPath(Struct):
    room: str


class PagePath(Struct):
    room: str
    user: str


@dataclass
class PageEndpoint(Endpoint, path="/rooms/{room}/for/{user}"):
    rooms: Channels[Message]
    users: Channels[Mention]
    news: Channel[News]

    async def get(self, path: PagePath, headers: ResumeHeaders) -> SSEResponse[Message | Mention | News]:
        room, user = self.rooms[path.room], self.users[path.user]
        return SSEResponse(stream=subscribe(room, user, self.news, after=headers.last_event_id), keepalive=15)


@dataclass
class RoomEndpoint(Endpoint, path="/rooms/{room}"):
    rooms: Channels[Message]

    async def post(self, path: RoomPath, json: Message) -> Created[Posted]:
        return Created(Posted(await self.rooms[path.room].publish(json)))


@dataclass
class NewsEndpoint(Endpoint, path="/news"):
    news: Channel[News]

    async def post(self, json: News) -> Created[Posted]:
        return Created(Posted(await self.news.publish(json)))


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        rooms, users = Channels(store, "room", Message), Channels(store, "user", Mention)
        news = Channel(store, "news", News)
        self._include_endpoint(PageEndpoint(rooms, users, news))
        self._include_endpoint(RoomEndpoint(rooms))
        self._include_endpoint(NewsEndpoint(news))


app = App()
