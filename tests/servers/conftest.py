"""The fixture `server`: one of the servers, which serves the feeds for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.servers.running import Running, running
from tests.servers.servers import SERVERS, Server


def named(server: Server) -> str:
    return server.name


@pytest.fixture(scope="module", params=SERVERS, ids=named)
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(request.param) as server:
        yield server
