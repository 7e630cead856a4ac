"""Whether the demo is up, and who answers."""

from typing import ClassVar, Literal

from msgspec import Struct

from jero import Endpoint


class Health(Struct):
    """`model` is who answers; `offline` tells whether it is the embedded stand-in."""

    status: Literal["ok"]
    model: str
    offline: bool


class HealthEndpoint(Endpoint, path="/health"):
    """Answers as long as the process does."""

    tags: ClassVar = ["health"]

    def __init__(self, model: str, *, offline: bool) -> None:
        self._health = Health("ok", model, offline)

    async def get(self) -> Health:
        """Says whether the demo is up, and who answers."""
        return self._health
