"""nginx, HAProxy and Caddy with the files of the page, before two workers, which are restarted."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from anyio import create_task_group, fail_after, to_thread
from httpx_sse import connect_sse

from tests.channels.redis_server import RedisServer
from tests.deployment.clients import Reader, place, status_of_ready
from tests.deployment.serving import PROXIES, behind, on_port, running, shown_command
from tests.docs.program import PATIENCE, Program
from tests.matrix.exceptions import CUT_BY_PROXY
from tests.matrix.proxies import is_tried
from tests.ports import free_port
from tests.programs import needs_program

pytestmark = needs_program("curl", *PROXIES)
CURL_CUT = 18
NAMES = list(PROXIES)


class Shop:
    """The shop with two workers on one port, and the same shop on another machine, whose address is `other`."""

    def __init__(self, redis: RedisServer) -> None:
        self.port = free_port()
        self._redis = redis
        self._stack = ExitStack()
        self._program: Program | None = None
        port = free_port()
        self._stack.enter_context(running(["uvicorn", "shop:app", "--port", str(port)], redis.url))
        self.other = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        command = on_port(shown_command("uvicorn"), self.port)
        self._program = self._stack.enter_context(running(command, self._redis.url, workers=2))

    def stop(self) -> None:
        assert self._program is not None
        self._program.terminate()
        self._program.status()

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def shop(redis: RedisServer) -> Iterator[Shop]:
    shop = Shop(redis)
    try:
        shop.start()
        yield shop
    finally:
        shop.close()


@pytest.fixture(scope="module")
def urls(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yields the addresses of the proxies."""
    directory = tmp_path_factory.mktemp("proxies")
    with ExitStack() as stack:
        yield {name: stack.enter_context(behind(name, shop.port, directory / name)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_an_order_arrives_before_the_next_is_placed(urls: dict[str, str], name: str) -> None:
    after = place(urls[name], "before")
    with httpx.Client(base_url=urls[name], timeout=PATIENCE, trust_env=False) as client, ExitStack() as stack:
        sources = [
            stack.enter_context(connect_sse(client, "GET", "/orders", headers={"Last-Event-ID": after}))
            for _ in range(4)
        ]
        readers = [source.iter_sse() for source in sources]
        for item in ("tea", "coffee"):
            placed = place(urls[name], item)
            events = [next(reader) for reader in readers]
            assert [(event.id, event.json()) for event in events] == [(placed, {"item": item})] * 4


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_above_the_limit_is_refused_by_the_application(urls: dict[str, str], name: str) -> None:
    order = {"item": "x" * 4_000_000}
    answer = httpx.post(f"{urls[name]}/orders", json=order, timeout=PATIENCE, trust_env=False)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


@contextmanager
def exporting(url: str) -> Generator[Program, None, None]:
    """Yields a running curl that has received the first order."""
    options = ("-N", "--silent", "--show-error", "--noproxy", "*", "--max-time", f"{PATIENCE:g}")
    with Program(["curl", *options, f"{url}/export"]) as curl:
        curl.line_with("item")
        yield curl


async def test_a_restart_loses_no_order_and_completes_no_export(shop: Shop, urls: dict[str, str]) -> None:
    after = place(shop.other, "before")
    readers = [Reader(url, after) for url in urls.values()]
    statuses: dict[str, int] = {}
    ended: dict[str, int] = {}

    async def ask(name: str) -> None:
        statuses[name] = await status_of_ready(urls[name])

    with fail_after(PATIENCE), ExitStack() as stack:
        exports = {name: stack.enter_context(exporting(url)) for name, url in urls.items()}
        async with create_task_group() as group:
            for reader in readers:
                group.start_soon(reader.read_until, "last")
            place(shop.other, "first")
            for reader in readers:
                await reader.has_begun.wait()
            await to_thread.run_sync(shop.stop)
            ended.update({name: curl.status() for name, curl in exports.items()})
            place(shop.other, "while it is away")
            await ask("nginx")
            for name in ("haproxy", "caddy"):
                group.start_soon(ask, name)
            await to_thread.run_sync(shop.start)
            place(shop.other, "last")

    assert [reader.items for reader in readers] == [["first", "while it is away", "last"]] * len(readers)
    assert statuses == {"nginx": 502, "haproxy": 200, "caddy": 200}
    for name, status in ended.items():
        if is_tried(name):
            assert status == (CURL_CUT if "1.1" in CUT_BY_PROXY[name] else 0)
