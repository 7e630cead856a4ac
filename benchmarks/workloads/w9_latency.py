"""W9: one item every 10 ms, and the time from its making to its arrival."""

import re
import time
from collections.abc import Iterator

from benchmarks.client import connected, request
from benchmarks.spread import percentile
from benchmarks.subject import CEILING, EVERYONE
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

MEDIAN = Metric("median", "ms from made to received")
P99 = Metric("p99", "ms from made to received")

MADE_AT = re.compile(rb'"price":([0-9.]+)}')
# Ratios up to this one count as equal: the ceiling's own rounds differ by as much.
NOISE = 1.15


def measure(trial: Trial) -> Figures:
    """Measures the age of each item on arrival. An item's price is the time at which it was made."""
    delays = list(_delays(trial.server.port, trial.size(100, 10)))
    return {MEDIAN.name: percentile(delays, 50), P99.name: percentile(delays, 99)}


def _delays(port: int, count: int) -> Iterator[float]:
    with connected(port) as client:
        client.sendall(request(f"/ndjson/ticking?count={count}", close=True))
        rest = b""
        while received := client.recv(65_536):
            now = time.monotonic()
            rest += received
            for made_at in MADE_AT.findall(rest):
                yield (now - float(made_at)) * 1e3
            rest = rest.rpartition(b"}")[2]


W9 = Workload(
    name="W9",
    title="NDJSON, one item every 10 ms",
    metrics=(MEDIAN, P99),
    targets=(Target(MEDIAN.name, NOISE, CEILING),),
    subjects=EVERYONE,
    measure=measure,
)
