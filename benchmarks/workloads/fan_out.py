"""One publisher and many subscribers: how many deliveries a second."""

import time

from benchmarks.server import Server
from benchmarks.subscribers import Subscribers
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric

WARM_UP_DELIVERIES = 10_000


def cpu_metric(subscribers: int) -> Metric:
    """What a server that does nothing else delivers."""
    return Metric(f"{subscribers:,}", "deliveries per second of CPU", is_better_high=True)


def wall_metric(subscribers: int) -> Metric:
    """What came in a second, the publisher waiting for all to have received before it goes on."""
    return Metric(f"{subscribers:,}, waiting", "deliveries per second", is_better_high=True)


def fan_out(trial: Trial, *, subscribers: int, burst: int, times: int) -> Figures:
    """So many bursts, each when everybody has received the last, on a fresh server.

    CPU seconds, since the client takes turns with the server, which is idle while it reads the end of a burst.
    """
    count = trial.size(subscribers, 20)
    with Server(trial.subject.channel_module) as server, Subscribers([server.port], count) as clients:
        clients.publish_in_turn(trial.size(max(2, WARM_UP_DELIVERIES // (count * burst)), 2), burst)
        cpu, began = server.read().cpu, time.perf_counter()
        deliveries = clients.publish_in_turn(trial.size(times, 5), burst)
        lasted = time.perf_counter() - began
        cpu = server.read().cpu - cpu
        clients.check()
    return {cpu_metric(subscribers).name: deliveries / cpu, wall_metric(subscribers).name: deliveries / lasted}
