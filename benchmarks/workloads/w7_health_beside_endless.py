"""W7: `GET /health` while one client drains an endless source that never pauses."""

import ctypes
import math
import multiprocessing
import socket
import time
from contextlib import suppress
from multiprocessing.sharedctypes import RawValue

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
# Seconds after which a server that has not answered counts as hanging.
PATIENCE = 2.0


def measure(trial: Trial) -> Figures:
    """Measures one round on a fresh server, since some servers never answer again.

    A process of its own drains the stream. A thread would hold the interpreter for 5 ms at a time, and the delay would
    count as the server's. Three processes are busy, so all of them may use every core.
    """
    drained = RawValue(ctypes.c_ulonglong)
    with trial.fresh_server() as server, connected(server.port) as client:
        server.share_cores()
        client.sendall(request("/ndjson/endless"))
        draining = multiprocessing.get_context("fork").Process(target=_drain, args=[client, drained], daemon=True)
        draining.start()
        time.sleep(HEAD_START_SECONDS)
        items, cpu = drained.value, server.read().cpu
        delays = _ask_for_health(server.port)
        time.sleep(HEAD_START_SECONDS)
        rate = (drained.value - items) / (server.read().cpu - cpu) / 1e3
        (closed,) = leave([client], server, PATIENCE)
        draining.join()
    return {P99.name: percentile(delays, 99), P50.name: percentile(delays, 50), CLOSED.name: closed, ITEMS.name: rate}


def _drain(client: socket.socket, drained: ctypes.c_ulonglong) -> None:
    stream = Drain(client)
    with suppress(OSError):  # leave() closes the connection
        while stream.read():
            drained.value = stream.items


def _ask_for_health(port: int) -> list[float]:
    """Returns the milliseconds to each answer. The first answer that does not come ends the list with `math.inf`."""
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
)
