"""Starts the offline model as a service, for the lifetime of the demo."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from demo_app.offline.chat_completions import MODEL, ChatCompletionsEndpoint
from demo_app.offline.documentation import read_documentation
from demo_app.offline.model import OfflineModel
from demo_app.serving import served_aside
from demo_app.settings import Service
from jero import BaseApp

PAUSE: Final = 0.03


class OfflineApp(BaseApp):
    """Serves the offline model by OpenAI's protocol."""

    async def _wire(self) -> None:
        self._include_endpoint(ChatCompletionsEndpoint(OfflineModel(read_documentation()), PAUSE))


@asynccontextmanager
async def offline_service() -> AsyncGenerator[Service, None]:
    """Serves the offline model on a free port of the loopback address. Yields its address and key."""
    async with served_aside(OfflineApp()) as url:
        yield Service(base_url=f"{url}/v1", model=MODEL, api_key="offline", is_embedded=True)
