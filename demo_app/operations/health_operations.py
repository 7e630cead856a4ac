"""Reports that the demo is up, and which model answers."""

from typing import ClassVar, Literal

from msgspec import Struct

from jero import Endpoint


class Health(Struct):
    """The demo's state. `model`: answers the questions. `offline`: whether it is the embedded offline model."""

    status: Literal["ok"]
    model: str
    offline: bool


class HealthEndpoint(Endpoint, path="/health"):
    """Answers as long as the process runs."""

    tags: ClassVar = ["health"]

    def __init__(self, model: str, *, offline: bool) -> None:
        self._health = Health("ok", model, offline)

    async def get(self) -> Health:
        """Returns the demo's state, and the model that answers."""
        return self._health
