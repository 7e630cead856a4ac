"""Starts the offline model as a service, for the lifetime of the demo."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Final

from starlette.middleware.trustedhost import TrustedHostMiddleware

from demo_app.offline.chat_completions import MODEL, ChatCompletionsEndpoint
from demo_app.offline.documentation import read_documentation
from demo_app.offline.model import OfflineModel
from demo_app.offline.models import ModelsEndpoint
from demo_app.openai_errors import openai_error
from demo_app.serving import served_aside
from demo_app.settings import Service
from jero import BaseApp

PAUSE: Final = 0.03


class OfflineApp(BaseApp):
    """Serves the offline model by OpenAI's protocol."""

    async def _wire(self) -> None:
        self._include_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1"])
        completions = ChatCompletionsEndpoint(OfflineModel(read_documentation()), PAUSE)
        self._include_group("/v1", completions, ModelsEndpoint(), problems=openai_error)


@asynccontextmanager
async def offline_service() -> AsyncGenerator[Service, None]:
    """Serves the offline model on a free port of the loopback address. Yields its address and key."""
    async with served_aside(OfflineApp()) as url:
        yield Service(base_url=f"{url}/v1", model=MODEL, api_key=token_hex(), is_embedded=True)
