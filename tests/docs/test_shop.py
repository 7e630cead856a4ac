from collections.abc import Iterator

import httpx
import pytest
from httpx_sse import connect_sse

from tests.channels.redis_server import running_redis
from tests.docs.example import Example, served


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", server.url)
        with served("shop") as example:
            yield example


def test_an_order_is_followed_and_exported(client: httpx.Client) -> None:
    assert client.get("/ready").json() == {"status": "ready"}
    ids = [client.post("/orders", json={"item": item}).json()["id"] for item in ("tea", "coffee")]
    with connect_sse(client, "GET", "/orders", headers={"Last-Event-ID": ids[0]}) as source:
        event = next(source.iter_sse())
        assert (event.id, event.json()) == (ids[1], {"item": "coffee"})
    with client.stream("GET", "/export") as response:
        lines = response.iter_lines()
        assert [next(lines), next(lines)] == ['{"item":"tea"}', '{"item":"coffee"}']
