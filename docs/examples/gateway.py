"""A gateway to a chat service. Run `uvicorn chat_service:app --port 8001`, then `uvicorn gateway:app`."""

import os
from typing import Literal

import httpx
from msgspec import UNSET, Raw, Struct, UnsetType

from jero import BaseApp, Endpoint, JSONResponse, NDJSONStreamingResponse, Problem, ServerSentEvent
from jero.client import RequestRefused, StreamClient

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:8001")


class Question(Struct):
    """A request to the gateway, and to the upstream. The messages are passed on as they are."""

    messages: Raw
    model: str = "m"
    stream: Literal[True] = True


class Chunk(Struct, omit_defaults=True):
    """A chunk of the answer. Its choices are passed on as they are, and its other fields are left out."""

    choices: Raw
    usage: Raw | UnsetType = UNSET


class AskEndpoint(Endpoint, path="/ask"):
    def __init__(self, upstream: StreamClient) -> None:
        self._upstream = upstream

    async def post(self, json: Question) -> NDJSONStreamingResponse[ServerSentEvent[Chunk]]:
        events = self._upstream.events("/v1/chat/completions", Chunk, method="POST", json=json, until="[DONE]")
        return NDJSONStreamingResponse(stream=events)


class App(BaseApp):
    async def _wire(self) -> None:
        upstream = await self._aenter(StreamClient(UPSTREAM))
        self._include_endpoint(AskEndpoint(upstream))
        self._include_exception_handler(RequestRefused, self._refused)
        self._include_exception_handler(httpx.RequestError, self._failed)

    def _refused(self, error: RequestRefused) -> JSONResponse[Problem]:
        """Keeps the upstream's status, its problem if it sent one, and `Retry-After`."""
        status, headers = error.response.status_code, error.response.headers
        unknown = Problem(type="upstream-refused", title="The upstream refused the request", status=status)
        kept = {"Retry-After": headers["Retry-After"]} if "Retry-After" in headers else {}
        return answer(error.problem or unknown, kept)

    def _failed(self, error: httpx.RequestError) -> JSONResponse[Problem]:
        """Answers when the upstream is down, silent, or sends something else than events."""
        return answer(Problem(type="upstream-failed", title="The upstream failed", status=502, detail=str(error)), {})


def answer(problem: Problem, headers: dict[str, str]) -> JSONResponse[Problem]:
    return JSONResponse(
        content=problem,
        status_code=problem.status,
        raw_headers={"Content-Type": "application/problem+json", **headers},
    )


app = App()
