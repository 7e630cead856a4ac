"""Whether the demo is up, and who answers."""

from typing import Literal

from msgspec import Struct

from jero import Endpoint


class Health(Struct):
    """`model` is who answers; `offline` tells whether it is the embedded stand-in."""

    status: Literal["ok"]
    model: str
    offline: bool


class HealthEndpoint(Endpoint, path="/health"):
    """Answers as long as the process does."""

    def __init__(self, model: str, *, offline: bool) -> None:
        self._health = Health("ok", model, offline)

    async def get(self) -> Health:
        return self._health
