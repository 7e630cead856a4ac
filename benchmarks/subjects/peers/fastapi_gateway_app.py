"""FastAPI and the `openai` client: reads each chunk as a model, and writes it again."""

import os
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI

from benchmarks.gateway import UPSTREAM_URL

app = FastAPI()
client = AsyncOpenAI(base_url=f"{os.environ[UPSTREAM_URL]}/v1", api_key="none")


@app.post("/v1/chat/completions")
async def chat_completions(request: dict[str, Any]) -> StreamingResponse:
    return StreamingResponse(events(await client.chat.completions.create(**request)), media_type="text/event-stream")


async def events(chunks) -> AsyncIterator[str]:
    async for chunk in chunks:
        yield f"data: {chunk.model_dump_json()}\n\n"
    yield "data: [DONE]\n\n"
