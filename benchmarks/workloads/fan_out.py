"""Measures the deliveries a second from one publisher to many subscribers."""

import time

from benchmarks.server import Server
from benchmarks.subscribers import Subscribers
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric

WARM_UP_DELIVERIES = 10_000


def cpu_metric(subscribers: int) -> Metric:
    """Returns the metric of the deliveries for each second of the server's CPU."""
    return Metric(f"{subscribers:,}", "deliveries per second of CPU", is_better_high=True)


def wall_metric(subscribers: int) -> Metric:
    """Returns the metric of the deliveries a second if the publisher waits for all subscribers each time."""
    return Metric(f"{subscribers:,}, waiting", "deliveries per second", is_better_high=True)


def fan_out(trial: Trial, *, subscribers: int, burst: int, times: int) -> Figures:
    """Publishes `times` bursts on a fresh server, each when all subscribers have received the last.

    The main figure is of CPU seconds: the server is idle while the client reads the end of a burst.
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
