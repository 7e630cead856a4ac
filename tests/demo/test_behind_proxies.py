"""The demo behind nginx, HAProxy and Caddy: words arrive as they are made, cuts are cuts, a reload loses nothing."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import httpx
from anyio import create_task_group, fail_after, to_thread
from msgspec import Struct

from jero.client import StreamClient
from jero.runs import RunEnd
from tests.channels.redis_server import RedisServer
from tests.demo.running import demo_process
from tests.demo.upstream import ENDING, HEAD, Request, Script, Upstream, chunk, hang_up
from tests.deployment.clients import SOON
from tests.deployment.serving import PROXIES, behind
from tests.docs.program import PATIENCE
from tests.matrix.clients import read
from tests.matrix.exceptions import CUT_BY_PROXY
from tests.matrix.proxies import is_tried
from tests.ports import free_port
from tests.programs import needs_program

pytestmark = needs_program("curl", *PROXIES)
FAILING, LASTING = "Do you fail?", "Do you last?"


class Words(Struct):
    text: str


class Model(Upstream):
    """Says "Hello", and then hangs up, or waits for `go_on` and says the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    def script(self, request: Request) -> Script:
        return Script(HEAD + chunk(content="Hello"), hang_up if FAILING in str(request.body) else self._finish)

    async def _finish(self, writer: asyncio.StreamWriter) -> None:
        await self.go_on.wait()
        writer.write(chunk(content=" world") + ENDING)
        await writer.drain()


class Follower:
    """Asks at one address, and follows the answer.

    `has_heard`: is set at the first word. `has_lost`: is set when the stream has ended and the client will come back.
    """

    def __init__(self, url: str) -> None:
        self.has_heard = asyncio.Event()
        self.has_lost = asyncio.Event()
        self.words: list[str] = []
        self.outcome = ""
        self._url = url

    async def follow(self) -> None:
        address = await ask(self._url, LASTING)
        async with StreamClient(self._url, reconnection=SOON, sleep=self._sleep, trust_env=False) as client:
            async for event in client.sse(address, Words | RunEnd):
                if isinstance(event.data, Words):
                    self.words.append(event.data.text)
                    self.has_heard.set()
                elif isinstance(event.data, RunEnd):
                    self.outcome = event.data.outcome

    async def _sleep(self, seconds: float) -> None:
        self.has_lost.set()
        await asyncio.sleep(seconds)


async def ask(url: str, text: str) -> str:
    """Asks, and returns the address of the answer."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        answer = await client.post("/questions", json={"text": text}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


async def test_the_demo_behind_proxies(redis: RedisServer, tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack, fail_after(2 * PATIENCE):
        urls = {name: stack.enter_context(behind(name, port, tmp_path / name)) for name in PROXIES}
        followers = [Follower(url) for url in urls.values()]
        model = Model()
        async with model, create_task_group() as group:
            with demo_process(redis.url, service=model.service, port=port) as (program, _):
                for name, url in urls.items():
                    await check_cut(name, url)
                for follower in followers:
                    group.start_soon(follower.follow)
                for follower in followers:
                    await follower.has_heard.wait()  # the model has not said the rest yet
                program.terminate()
                for follower in followers:
                    await follower.has_lost.wait()
                model.go_on.set()
                await to_thread.run_sync(program.status)
            stack.enter_context(demo_process(redis.url, service=model.service, port=port))
    for follower in followers:
        assert (follower.words, follower.outcome) == (["Hello", " world"], "completed")


async def check_cut(name: str, url: str) -> None:
    """Checks that an answer that fails in the middle is a cut, unless the proxy is known to hide it."""
    address = await ask(url, FAILING)
    seen = await to_thread.run_sync(read, url + address, "1.1")
    assert (seen.status, seen.body) == (200, b'{"text":"Hello"}\n')
    if is_tried(name):
        assert seen.end == ("cut" if "1.1" in CUT_BY_PROXY[name] else "complete")
