from collections.abc import Iterator

import httpx
import pytest
from httpx_sse import connect_sse

from tests.channels.redis_server import running_redis
from tests.docs.example import Example, served
from tests.docs.program import PATIENCE
from tests.docs.two_workers import check_shared


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", server.url)
        with served("channel_redis") as example:
            yield example


def test_an_event_of_one_worker_reaches_the_clients_of_another(client: httpx.Client) -> None:
    check_shared("channel_redis", client)


def test_an_id_is_valid_after_a_restart(example: Example, client: httpx.Client) -> None:
    ids = [client.post("/notifications", json={"text": text}).json()["id"] for text in ("one", "two")]
    with (
        served("channel_redis") as later,
        httpx.Client(base_url=later.url, timeout=PATIENCE, trust_env=False) as theirs,
        connect_sse(theirs, "GET", "/notifications", headers={"Last-Event-ID": ids[0]}) as source,
    ):
        event = next(source.iter_sse())
    assert (event.id, event.json()) == (ids[1], {"text": "two"})
