"""W8: a client that never reads, and an endless source."""

import math
import time

from benchmarks.client import connected, drain_all, request
from benchmarks.subject import EVERYONE
from benchmarks.subjects.jero_app import SEND_TIMEOUT
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

GROWTH = Metric("growth", "MiB of the server")
DROPPED = Metric("dropped", f"s, if a limit of {SEND_TIMEOUT:g} s can be set")

WARM_UP_ITEMS = 1_000
SAMPLES = 10
SAMPLE_SECONDS = 1.0
# The limit's timer begins when the client first takes nothing more, a moment after its request.
LATEST = SEND_TIMEOUT + 0.5


def measure(trial: Trial) -> Figures:
    """Measures the largest growth of the server's process. The kernel's buffers are not part of it."""
    with trial.fresh_server() as server:
        drain_all(server.port, "/ndjson/ready", WARM_UP_ITEMS)
        before = server.read()
        with connected(server.port) as client:
            client.sendall(request("/ndjson/endless"))
            began, largest = time.monotonic(), before.resident
            for _ in range(trial.size(SAMPLES, 1)):
                time.sleep(SAMPLE_SECONDS)
                largest = max(largest, server.read().resident)
            closings = server.read().closings
    dropped = closings[0] - began if closings else math.inf
    return {GROWTH.name: (largest - before.resident) / 1024**2, DROPPED.name: dropped}


W8 = Workload(
    name="W8",
    title="a client that never reads, for 10 seconds",
    metrics=(GROWTH, DROPPED),
    targets=(
        Target(GROWTH.name, 0.25),
        Target(DROPPED.name, LATEST),
    ),
    subjects=EVERYONE,
    measure=measure,
    most_rounds=1,
)
