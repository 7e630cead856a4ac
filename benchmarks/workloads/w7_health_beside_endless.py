"""W7: `GET /health` while one client drains an endless source that never pauses."""

import math
import time
from contextlib import suppress
from threading import Thread

from benchmarks.client import Drain, connected, request
from benchmarks.leaving import leave
from benchmarks.spread import percentile
from benchmarks.subject import CEILING, EVERYONE
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

P99 = Metric("p99", "ms to an answer")
P50 = Metric("p50", "ms to an answer")
CLOSED = Metric("closed", "ms after the client left")
ITEMS = Metric("stream", "thousand items per second of CPU", is_better_high=True)

REQUESTS = 50
HEAD_START_SECONDS = 0.3
# A server that has not answered by then counts as hanging.
PATIENCE = 2.0


def measure(trial: Trial) -> Figures:
    """On a fresh server each time, since some never answer again."""
    server = trial.fresh_server()
    with connected(server.port) as client:
        client.sendall(request("/ndjson/endless"))
        stream = Drain(client)
        draining = Thread(target=_drain, args=[stream], daemon=True)
        draining.start()
        time.sleep(HEAD_START_SECONDS)
        items, cpu = stream.items, server.read().cpu
        delays = _ask_for_health(server.port)
        time.sleep(HEAD_START_SECONDS)
        rate = (stream.items - items) / (server.read().cpu - cpu) / 1e3
        (closed,) = leave([client], server, PATIENCE)
        draining.join()
    return {P99.name: percentile(delays, 99), P50.name: percentile(delays, 50), CLOSED.name: closed, ITEMS.name: rate}


def _drain(stream: Drain) -> None:
    with suppress(OSError):  # the connection is closed under it
        while stream.read():
            pass


def _ask_for_health(port: int) -> list[float]:
    """Milliseconds to each answer; the first that does not come is the last that is waited for."""
    delays: list[float] = []
    with connected(port, patience=PATIENCE) as client:
        for _ in range(REQUESTS):
            began = time.perf_counter()
            client.sendall(request("/health"))
            try:
                client.recv(4096)
            except TimeoutError:
                return [*delays, math.inf]
            delays.append((time.perf_counter() - began) * 1e3)
    return delays


W7 = Workload(
    name="W7",
    title="50 sequential GET /health while one client drains an endless source that never pauses",
    metrics=(P99, P50, CLOSED, ITEMS),
    targets=(
        Target(P99.name, 3.0),
        Target(CLOSED.name, 10.0),
        Target(ITEMS.name, 6.2 / 0.45, CEILING),
    ),
    subjects=EVERYONE,
    measure=measure,
    most_rounds=3,
)
