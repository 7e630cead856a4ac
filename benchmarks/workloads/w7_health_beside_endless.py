"""W7: `GET /health` while one client drains an endless source that never pauses. W7C: while 100 clients do."""

import ctypes
import math
import multiprocessing
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing.sharedctypes import RawValue
from selectors import EVENT_READ, DefaultSelector

from benchmarks.client import Drain, connected, request
from benchmarks.leaving import leave
from benchmarks.spread import percentile
from benchmarks.subject import CEILING, EVERYONE, JERO
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

P99 = Metric("p99", "ms to an answer")
P50 = Metric("p50", "ms to an answer")
CLOSED = Metric("closed", "ms after the client left")
ITEMS = Metric("stream", "thousand items per second of CPU", is_better_high=True)
ALL_ITEMS = Metric("streams", "thousand items per second of CPU, all together", is_better_high=True)
SHARE = Metric("share", "of the items that one client alone drains", is_better_high=True)

REQUESTS = 50
CROWD = 100
HEAD_START_SECONDS = 0.3
# Seconds after which a server that has not answered counts as hanging.
PATIENCE = 2.0


def measure(trial: Trial) -> Figures:
    """Measures one round beside one client."""
    return _measure_beside(1, trial)


def measure_beside_a_crowd(trial: Trial) -> Figures:
    """Measures one round beside a crowd of clients, and one beside a single client."""
    alone = _measure_beside(1, trial)
    crowd = _measure_beside(trial.size(CROWD, 5), trial)
    return {
        P99.name: crowd[P99.name],
        P50.name: crowd[P50.name],
        ALL_ITEMS.name: crowd[ITEMS.name],
        SHARE.name: crowd[ITEMS.name] / alone[ITEMS.name],
    }


def _measure_beside(count: int, trial: Trial) -> Figures:
    """Measures on a fresh server, since some servers never answer again, beside this many clients.

    A process of its own drains the streams. A thread would hold the interpreter for 5 ms at a time, and the delay would
    count as the server's. Three processes are busy, so all of them may use every core.
    """
    drained = RawValue(ctypes.c_ulonglong)
    with trial.fresh_server() as server, ExitStack() as stack:
        server.share_cores()
        clients = [stack.enter_context(connected(server.port)) for _ in range(count)]
        for client in clients:
            client.sendall(request("/ndjson/endless"))
        draining = multiprocessing.get_context("fork").Process(target=_drain, args=[clients, drained], daemon=True)
        draining.start()
        time.sleep(HEAD_START_SECONDS)
        items, cpu = drained.value, server.read().cpu
        delays = _ask_for_health(server.port)
        time.sleep(HEAD_START_SECONDS)
        rate = (drained.value - items) / (server.read().cpu - cpu) / 1e3
        closed = leave(clients, server, PATIENCE)
        draining.join()
    return {
        P99.name: percentile(delays, 99),
        P50.name: percentile(delays, 50),
        CLOSED.name: max(closed),
        ITEMS.name: rate,
    }


def _drain(clients: Sequence[socket.socket], drained: ctypes.c_ulonglong) -> None:
    streams = [Drain(client) for client in clients]
    with DefaultSelector() as ready, suppress(OSError):  # leave() closes the connections
        for client, stream in zip(clients, streams, strict=True):
            ready.register(client, EVENT_READ, stream)
        while all(key.data.read() for key, _ in ready.select()):
            drained.value = sum(stream.items for stream in streams)


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

W7C = Workload(
    name="W7C",
    title="50 sequential GET /health while 100 clients drain endless sources that never pause",
    metrics=(P99, P50, ALL_ITEMS, SHARE),
    targets=(Target(P99.name, 20.0), Target(SHARE.name, 0.8)),
    subjects=(JERO, "fastapi"),  # every other subject hangs beside one client
    measure=measure_beside_a_crowd,
)
