from collections.abc import Iterator

import httpx
import pytest

from tests.channels.redis_cluster import ClusterServers
from tests.docs.example import Example, served
from tests.docs.two_workers import check_shared


@pytest.fixture
def example(cluster_servers: ClusterServers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    monkeypatch.setenv("REDIS_URL", cluster_servers.url)
    with served("channel_cluster") as example:
        yield example


def test_an_event_of_one_worker_reaches_the_clients_of_another(client: httpx.Client) -> None:
    check_shared("channel_cluster", client)
