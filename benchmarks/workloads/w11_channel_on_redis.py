"""W11: a channel on Redis, with 500 subscribers on two workers."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.publication import REDIS_URL
from benchmarks.redis_server import PROGRAM, RedisServer
from benchmarks.server import Server
from benchmarks.spread import percentile
from benchmarks.subject import JERO
from benchmarks.subscribers import Subscribers
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

ONE = Metric("one publisher", "deliveries per second", is_better_high=True)
TEN = Metric("ten publishers", "deliveries per second", is_better_high=True)
CPU = Metric("ten publishers, CPU", "deliveries per second of both workers' CPU", is_better_high=True)
MEDIAN = Metric("median", "ms from published to arrived")
P99 = Metric("p99", "ms from published to arrived")
READ_P99 = Metric("p99, read", "ms from published to read, by one process that reads all")

WORKERS = 2
SUBSCRIBERS = 500
WARM_UP_EVENTS = 20
# A low rate: the workers are idle most of the time.
PAUSE_SECONDS = 0.03


def measure(trial: Trial) -> Figures:
    """Measures a fresh Redis and two fresh workers. Each worker has a core, a port and half of the subscribers.

    One worker publishes. A publisher waits until Redis has stored an event before it publishes the next.
    """
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        environment = {REDIS_URL: redis.url}
        module = trial.subject.channel_module
        servers = [
            stack.enter_context(Server(module, environment=environment, place=place)) for place in range(WORKERS)
        ]
        redis.keep_together()
        ports = [server.port for server in servers]
        clients = stack.enter_context(Subscribers(ports, trial.size(SUBSCRIBERS, 20)))
        clients.publish_in_turn(WARM_UP_EVENTS, 1)
        slow, fast = trial.size(100, 10), trial.size(400, 50)
        clients.publish_at_leisure(slow, rest=PAUSE_SECONDS)
        arrived = list(clients.delays(slow))
        clients.publish(slow, pause=PAUSE_SECONDS)
        read = list(clients.delays(slow))
        by_one = _rate(clients, fast, publishers=1)
        before = _cpu(servers)
        by_ten = _rate(clients, fast, publishers=10)
        cpu = _cpu(servers) - before
        clients.check()
    return {
        TEN.name: by_ten,
        CPU.name: fast * trial.size(SUBSCRIBERS, 20) / cpu,
        ONE.name: by_one,
        MEDIAN.name: percentile(arrived, 50),
        P99.name: percentile(arrived, 99),
        READ_P99.name: percentile(read, 99),
    }


def _rate(clients: Subscribers, count: int, *, publishers: int) -> float:
    began = time.perf_counter()
    deliveries = clients.publish(count, publishers=publishers)
    return deliveries / (time.perf_counter() - began)


def _cpu(servers: Sequence[Server]) -> float:
    return sum(server.read().cpu for server in servers)


W11 = Workload(
    name="W11",
    title="a channel on Redis, 500 subscribers on two workers",
    metrics=(TEN, CPU, ONE, MEDIAN, P99, READ_P99),
    targets=(
        Target(TEN.name, 3.0, "litestar"),
        Target(ONE.name, 3.0, "litestar"),
        Target(P99.name, 5.0),
    ),
    subjects=(JERO, "litestar"),
    measure=measure,
    program=PROGRAM,
)
