"""W8: a client that never reads, and an endless source."""

import math
import time

from benchmarks.client import connected, drain_all, request
from benchmarks.subject import EVERYONE
from benchmarks.subjects.jero_app import SEND_TIMEOUT
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

GROWTH = Metric("growth", "MiB of the server")
DROPPED = Metric("dropped", f"s, where a limit of {SEND_TIMEOUT:g} s can be set")

WARM_UP_ITEMS = 1_000
SAMPLES = 10
SAMPLE_SECONDS = 1.0
# The timer that drops a client begins when it first takes no more, a moment after its request.
LATEST = SEND_TIMEOUT + 0.5


def measure(trial: Trial) -> Figures:
    """The largest growth that was seen. What the connection's buffers in the kernel hold is not the server's."""
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
