"""Follows an event stream. Run `uvicorn sse_events:app`, then `python client.py`."""

import asyncio
import sys

from msgspec import Struct

from jero.client import StreamClient


class Step(Struct):
    at: str
    text: str


async def main(base_url: str = "http://127.0.0.1:8000") -> None:
    async with StreamClient(base_url) as client:
        async for event in client.sse("/parcel", Step):
            print(event.id, event.data)
    print("no more")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
