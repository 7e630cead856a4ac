"""Starlette and httpx: passes on the upstream's bytes, without looking at them."""

import os
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from benchmarks.gateway import UPSTREAM_URL

# Each stream has a connection. By default, httpx has at most 100.
client = httpx.AsyncClient(base_url=os.environ[UPSTREAM_URL], limits=httpx.Limits(max_connections=None), timeout=60)


async def chat_completions(request: Request) -> StreamingResponse:
    headers = {"Content-Type": request.headers["Content-Type"]}
    asked = client.build_request("POST", "/v1/chat/completions", content=await request.body(), headers=headers)
    answer = await client.send(asked, stream=True)
    return StreamingResponse(
        answer.aiter_bytes(),
        status_code=answer.status_code,
        media_type=answer.headers["Content-Type"],
        background=BackgroundTask(answer.aclose),
    )


@asynccontextmanager
async def lifespan(_: Starlette):
    async with client:
        yield


app = Starlette(routes=[Route("/v1/chat/completions", chat_completions, methods=["POST"])], lifespan=lifespan)
