"""W4: 2,000 idle streams of server-sent events with keepalive, and the teardown when their clients leave."""

import math
import time
from contextlib import ExitStack
from socket import socket

from benchmarks.client import connected, request
from benchmarks.leaving import leave
from benchmarks.server import Server
from benchmarks.spread import percentile
from benchmarks.subject import CEILING, EVERYONE_WITH_SSE, JERO
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

MEMORY = Metric("memory", "KiB a stream")
TASKS = Metric("tasks", "a stream")
ONE_LEAVES = Metric("one leaves", "ms to its teardown")
ALL_LEAVE = Metric("all leave", "ms to a teardown, p99")
IDLE = Metric("30 s idle", "ms of CPU, pings included")

IDLE_SECONDS = 30.0
SETTLE_SECONDS = 1.0
LEAVING_ALONE = 20
# Seconds after which a source that is still open counts as never closed.
PATIENCE = 3.0


def measure(trial: Trial) -> Figures:
    """Measures one round. The idle seconds are measured once, and only for jero and the ceiling."""
    count = trial.size(2_000, 100)
    with trial.fresh_server() as server, ExitStack() as stack:
        _begin([stack.enter_context(connected(server.port))], "/health")
        before = server.read()
        clients = [stack.enter_context(connected(server.port)) for _ in range(count)]
        _begin(clients, "/sse/idle")
        time.sleep(SETTLE_SECONDS)
        after = server.read()
        figures = {
            MEMORY.name: (after.resident - before.resident) / 1024 / count,
            TASKS.name: (after.tasks - before.tasks) / count,
        }
        if trial.round == 0 and not trial.is_quick and trial.subject.name in (JERO, CEILING):
            time.sleep(IDLE_SECONDS)
            figures[IDLE.name] = (server.read().cpu - after.cpu) * 1e3
        return {**figures, **_leavings(clients, server)}


def _begin(clients: list[socket], path: str) -> None:
    for client in clients:
        client.sendall(request(path))
    for client in clients:
        if not client.recv(4096).startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"the server did not answer {path} with 200")


def _leavings(clients: list[socket], server: Server) -> Figures:
    alone: list[float] = []
    for client in clients[:LEAVING_ALONE]:
        alone += leave([client], server, PATIENCE)
        if math.inf in alone:
            return {ONE_LEAVES.name: math.inf, ALL_LEAVE.name: math.inf}
    together = leave(clients[LEAVING_ALONE:], server, PATIENCE)
    return {ONE_LEAVES.name: percentile(alone, 50), ALL_LEAVE.name: percentile(together, 99)}


W4 = Workload(
    name="W4",
    title="2,000 idle streams of server-sent events with keepalive",
    metrics=(MEMORY, TASKS, ONE_LEAVES, ALL_LEAVE, IDLE),
    targets=(
        Target(MEMORY.name, 16.0),
        Target(MEMORY.name, 16.0 / 11.3, CEILING),
        Target(TASKS.name, 2.0),
        Target(ONE_LEAVES.name, 1.0),
        Target(ALL_LEAVE.name, 50.0),
        Target(ALL_LEAVE.name, 50.0 / 25.0, CEILING),  # both on the machine for which the 50 ms were set
        Target(IDLE.name, 1.5, CEILING),
    ),
    subjects=EVERYONE_WITH_SSE,
    measure=measure,
    most_rounds=3,
)
