"""W5b: a channel's events of 50 bytes, in bursts of ten, to 500 subscribers."""

from functools import partial

from benchmarks.subject import CEILING, EVERYONE_WITH_A_CHANNEL
from benchmarks.workload import Target, Workload
from benchmarks.workloads.fan_out import cpu_metric, fan_out, wall_metric

SUBSCRIBERS = 500
BURST = 10

W5B = Workload(
    name="W5b",
    title="a channel's events in bursts of ten, to 500 subscribers by server-sent events",
    metrics=(cpu_metric(SUBSCRIBERS), wall_metric(SUBSCRIBERS)),
    targets=(
        Target(cpu_metric(SUBSCRIBERS).name, 1_000_000),
        Target(cpu_metric(SUBSCRIBERS).name, 1_000_000 / 190_000, CEILING),  # on one machine
        Target(cpu_metric(SUBSCRIBERS).name, 10, "litestar"),
    ),
    subjects=EVERYONE_WITH_A_CHANNEL,
    measure=partial(fan_out, subscribers=SUBSCRIBERS, burst=BURST, times=120),
)
