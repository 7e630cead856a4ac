"""A client that never reads: its stream takes little memory, and it is dropped."""

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

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory and descriptors are read in /proc"
)

GROWTH = 2 * 2**20
SLACK = 0.5


@pytest.fixture(scope="module", params=SERVERS, ids=named)
def impatient(request: pytest.FixtureRequest) -> Iterator[Running]:
    """Runs a server that has had such a client before, so that its memory has grown already."""
    with running(request.param, "tests.servers.impatient:to_send") as server:
        with open_streams(server, "/lines/gushing") as streams:
            streams.reasons()
        yield server


def health(server: Running) -> Health:
    response = httpx.get(f"{server.url}/health", timeout=PATIENCE, trust_env=False, headers={"Connection": "close"})
    return msgspec.json.decode(response.content, type=Health)


def test_a_client_that_never_reads_takes_little_memory_and_is_dropped(impatient: Running) -> None:
    before = health(impatient)
    with open_streams(impatient, "/lines/gushing") as streams:
        blocked = impatient.note("blocked", streams.key)
        while_blocked = health(impatient)
        assert streams.reasons() == ["stalled"]
        closed = impatient.note("closed", streams.key)
        streams.cut("/lines/gushing")

    assert while_blocked.resident - before.resident < GROWTH
    assert closed.at - blocked.at < SEND_TIMEOUT + SLACK


def test_the_connection_of_a_dropped_client_is_closed(impatient: Running) -> None:
    before = health(impatient).descriptors
    with open_streams(impatient, "/lines/gushing") as streams:
        streams.reasons()
        deadline = monotonic() + PATIENCE
        while (now := health(impatient).descriptors) > before:
            assert monotonic() < deadline, f"{now} file descriptors, {before} before"
