"""Measures the server's CPU seconds for a million items of a stream."""

from functools import partial

from benchmarks.client import drain_all
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric

WARM_UP_ITEMS = 1_000
CPU = Metric("CPU", "s per million items")


def stream_cost(path: str, items: int) -> partial[Figures]:
    """Returns a function that measures one stream, which is read to its end."""
    return partial(_measure, path, items)


def _measure(path: str, items: int, trial: Trial) -> Figures:
    server, count = trial.server, trial.size(items, items // 20)
    drain_all(server.port, path, min(count, WARM_UP_ITEMS))
    before = server.read().cpu
    drain_all(server.port, path, count)
    return {CPU.name: (server.read().cpu - before) / count * 1e6}
