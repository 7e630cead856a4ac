"""The application of the workers under test: a channel. Each response names the process that sends it."""

import os

from jero import BaseApp, Endpoint, ResumeHeaders, SSEResponse
from jero.channels import Channel, RedisStore
from tests.channels.reading import Note

PREFIX = "chaos:"


class NotesEndpoint(Endpoint, path="/notes"):
    def __init__(self, channel: Channel[Note]) -> None:
        self._channel = channel

    async def get(self, headers: ResumeHeaders) -> SSEResponse[Note]:
        events = self._channel.subscribe(after=headers.last_event_id)
        return SSEResponse(stream=events, raw_headers={"Worker": str(os.getpid())})


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(RedisStore(os.environ["REDIS_URL"], prefix=PREFIX))
        self._include_endpoint(NotesEndpoint(Channel(store, "notes", Note, history=100_000)))


app = App()
