from collections.abc import Iterator

import httpx
import pytest
from httpx_sse import connect_sse

from tests.channels.redis_cluster import ClusterServers
from tests.docs.example import Example, served
from tests.docs.program import PATIENCE


@pytest.fixture
def example(cluster_servers: ClusterServers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    monkeypatch.setenv("REDIS_URL", cluster_servers.url)
    with served("channel_cluster") as example:
        yield example


def test_an_event_of_one_worker_reaches_the_clients_of_another(example: Example, client: httpx.Client) -> None:
    with (
        served("channel_cluster") as other,
        httpx.Client(base_url=other.url, timeout=PATIENCE, trust_env=False) as theirs,
        connect_sse(client, "GET", "/notifications") as here,
        connect_sse(theirs, "GET", "/notifications") as there,
    ):
        posting = [client, theirs, client]
        ids = [poster.post("/notifications", json={"text": "news"}).json()["id"] for poster in posting]
        for source in (here, there):
            events = source.iter_sse()
            assert [next(events).id for _ in ids] == ids
