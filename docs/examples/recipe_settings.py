"""Settings from the environment, checked at startup, and a clock that a test can replace."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Self

import msgspec
from msgspec import Meta, Struct

from jero import BaseApp, Endpoint


class Settings(Struct, frozen=True, rename="upper"):
    """Each field has a variable of its name in upper case, such as SHOP_NAME."""

    shop_name: str
    loan_days: Annotated[int, Meta(ge=1)] = 14

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return msgspec.convert(dict(environment), cls, strict=False)


class Clock:
    def today(self) -> date:
        return datetime.now(UTC).date()


async def clock() -> AsyncIterator[Clock]:
    yield Clock()


class Due(Struct):
    shop: str
    due: date


@dataclass
class DueEndpoint(Endpoint, path="/due"):
    settings: Settings

    async def get(self, clock: Clock) -> Due:
        return Due(self.settings.shop_name, clock.today() + timedelta(days=self.settings.loan_days))


class App(BaseApp):
    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self._settings = settings

    async def _wire(self) -> None:
        settings = self._settings or Settings.read()
        self._include_dependency(clock)
        self._include_endpoint(DueEndpoint(settings))


app = App()
