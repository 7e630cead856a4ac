"""Following an event stream: `python client.py`, beside `uvicorn sse_events:app`."""

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
