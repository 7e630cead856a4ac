"""Server-sent events in full: names, ids, resuming, and an end after which no client comes back."""

from collections.abc import AsyncIterator, Sequence

from msgspec import Struct

from jero import BaseApp, Endpoint, NoContent, ResumeHeaders, ServerSentEvent, SSEResponse


class Step(Struct):
    at: str
    text: str


STEPS = (
    Step(at="09:00", text="packed"),
    Step(at="11:30", text="on its way"),
    Step(at="15:45", text="delivered"),
)


class ParcelEndpoint(Endpoint, path="/parcel"):
    async def get(self, headers: ResumeHeaders) -> SSEResponse[Step] | NoContent:
        seen = headers.last_event_id or ""
        remaining = [step for step in STEPS if step.at > seen]
        if not remaining:
            return NoContent()  # a browser's EventSource stops coming back
        return SSEResponse(stream=self._events(remaining))

    async def _events(self, steps: Sequence[Step]) -> AsyncIterator[ServerSentEvent[Step]]:
        yield ServerSentEvent(retry=1000, comment="come back after a second")
        for step in steps:
            yield ServerSentEvent(event="step", id=step.at, data=step)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ParcelEndpoint())


app = App()
