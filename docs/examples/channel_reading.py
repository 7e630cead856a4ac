"""An `async for` over a channel: each subscriber receives the goals of its team, and every gap."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass

from msgspec import Struct

from jero import BaseApp, Endpoint, NoContent, ResumeHeaders, ServerSentEvent, SSEResponse
from jero.channels import Channel, MemoryStore


class Goal(Struct):
    team: str
    minute: int


class TeamPath(Struct):
    team: str


@dataclass
class GoalsEndpoint(Endpoint, path="/goals/{team}"):
    channel: Channel[Goal]

    async def get(self, path: TeamPath, headers: ResumeHeaders) -> SSEResponse[Goal]:
        events = self.channel.subscribe(after=headers.last_event_id)
        return SSEResponse(stream=self._of(path.team, events))

    async def _of(
        self, team: str, events: AsyncIterable[ServerSentEvent[Goal]]
    ) -> AsyncIterator[ServerSentEvent[Goal]]:
        async for event in events:
            if event.event == "gap" or (isinstance(event.data, Goal) and event.data.team == team):
                yield event


@dataclass
class ScoreEndpoint(Endpoint, path="/score"):
    channel: Channel[Goal]

    async def post(self, json: Goal) -> NoContent:
        await self.channel.publish(json)
        return NoContent()


class App(BaseApp):
    async def _wire(self) -> None:
        store = await self._aenter(MemoryStore())
        channel = Channel(store, "goals", Goal)
        self._include_endpoint(GoalsEndpoint(channel))
        self._include_endpoint(ScoreEndpoint(channel))


app = App()
