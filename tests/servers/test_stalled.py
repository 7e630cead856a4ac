"""A client that never reads: it costs little, and is dropped."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import msgspec
import pytest

from tests.servers.conftest import named
from tests.servers.feeds import Health
from tests.servers.impatient import SEND_TIMEOUT
from tests.servers.open_streams import open_streams
from tests.servers.running import PATIENCE, Running, running
from tests.servers.servers import SERVERS

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="what a process holds is read in /proc")

GROWTH = 2 * 2**20
SLACK = 0.5


@pytest.fixture(scope="module", params=SERVERS, ids=named)
def impatient(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A server that has met such a client before, so that what it grows by is that client's."""
    with running(request.param, "tests.servers.impatient:to_send") as server:
        with open_streams(server, "/lines/gushing") as streams:
            streams.reasons()
        yield server


def health(server: Running) -> Health:
    response = httpx.get(f"{server.url}/health", timeout=PATIENCE, trust_env=False, headers={"Connection": "close"})
    return msgspec.json.decode(response.content, type=Health)


def test_it_costs_little_and_is_dropped(impatient: Running) -> None:
    before = health(impatient)
    with open_streams(impatient, "/lines/gushing") as streams:
        blocked = impatient.note("blocked", streams.key)
        while_blocked = health(impatient)
        assert streams.reasons() == ["stalled"]
        closed = impatient.note("closed", streams.key)
        streams.cut("/lines/gushing")

    assert while_blocked.resident - before.resident < GROWTH
    assert closed.at - blocked.at < SEND_TIMEOUT + SLACK


def test_its_connection_is_gone_while_it_still_does_not_read(impatient: Running) -> None:
    before = health(impatient).descriptors
    with open_streams(impatient, "/lines/gushing") as streams:
        streams.reasons()
        deadline = monotonic() + PATIENCE
        while (now := health(impatient).descriptors) > before:
            assert monotonic() < deadline, f"{now} file descriptors, {before} before"
