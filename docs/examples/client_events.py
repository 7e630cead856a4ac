"""Asks a chat service. Run `uvicorn chat_service:app`, then `python client_events.py`."""

import asyncio
import sys

from msgspec import Struct

from jero.client import RequestRefused, StreamClient, StreamCut


class Delta(Struct):
    content: str | None = None


class Choice(Struct):
    delta: Delta


class Chunk(Struct):
    choices: list[Choice]


async def ask(client: StreamClient, question: str) -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": question}], "stream": True}
    try:
        async with client.events("/v1/chat/completions", Chunk, method="POST", json=request, until="[DONE]") as events:
            print(events.status, events.headers["Content-Type"])
            async for event in events:
                for choice in event.data.choices if event.data else []:
                    if choice.delta.content:
                        print(repr(choice.delta.content))
    except RequestRefused as error:
        print("refused:", error.response.status_code, "- ask again in", error.retry_after, "seconds")
    except StreamCut as error:
        print(error)


async def main(base_url: str = "http://127.0.0.1:8000") -> None:
    async with StreamClient(base_url) as client:
        await ask(client, "Who is there?")
        await ask(client, "Are you busy?")
        await ask(client, "Please die now.")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
