from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from httpx_sse import connect_sse

from tests import programs
from tests.channels.redis_server import RedisServer
from tests.docs.example import Example, served
from tests.docs.program import PATIENCE


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    programs.require(["redis-server"])
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        stack.callback(server.kill)
        server.start()
        patch.setenv("REDIS_URL", server.url)
        yield stack.enter_context(served("channel_redis"))


def test_an_event_of_one_worker_reaches_the_clients_of_another(example: Example, client: httpx.Client) -> None:
    with (
        served("channel_redis") as other,
        httpx.Client(base_url=other.url, timeout=PATIENCE, trust_env=False) as theirs,
        connect_sse(client, "GET", "/notifications") as here,
        connect_sse(theirs, "GET", "/notifications") as there,
    ):
        posting = [client, theirs, client]
        ids = [poster.post("/notifications", json={"text": "news"}).json()["id"] for poster in posting]
        for source in (here, there):
            events = source.iter_sse()
            assert [next(events).id for _ in ids] == ids


def test_an_id_is_valid_after_a_restart(example: Example, client: httpx.Client) -> None:
    ids = [client.post("/notifications", json={"text": text}).json()["id"] for text in ("one", "two")]
    with (
        served("channel_redis") as later,
        httpx.Client(base_url=later.url, timeout=PATIENCE, trust_env=False) as theirs,
        connect_sse(theirs, "GET", "/notifications", headers={"Last-Event-ID": ids[0]}) as source,
    ):
        event = next(source.iter_sse())
    assert (event.id, event.json()) == (ids[1], {"text": "two"})
