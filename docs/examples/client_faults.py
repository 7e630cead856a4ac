"""Reads streams that break. Run `uvicorn broken_streams:app`, then `python client_faults.py`."""

import asyncio
import sys

import httpx
from msgspec import Struct

from jero import StreamFailed
from jero.client import RequestRefused, StreamClient


class Reading(Struct, tag="reading"):
    celsius: int


async def read_lines(client: StreamClient, path: str) -> None:
    try:
        async for reading in client.ndjson(path, Reading):
            print(reading.celsius)
    except RequestRefused as error:
        print("refused:", error.problem.title if error.problem else error)
    except httpx.TransportError as error:
        print("cut or stalled:", type(error).__name__)


async def read_events(client: StreamClient, path: str) -> None:
    try:
        async for event in client.sse(path, Reading):
            print(event.data)
    except StreamFailed as error:
        print("failed:", error.problem.detail)


async def main(base_url: str = "http://127.0.0.1:8000") -> None:
    async with StreamClient(base_url) as client:
        await read_lines(client, "/nowhere")
        await read_lines(client, "/cut")
        await read_events(client, "/events")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
