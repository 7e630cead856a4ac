"""W5a: a channel's events of 50 bytes, one at a time, to 500 and to 2,000 subscribers."""

from benchmarks.subject import CEILING, EVERYONE_WITH_A_CHANNEL
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Target, Workload
from benchmarks.workloads.fan_out import cpu_metric, fan_out, wall_metric

FEW, MANY = 500, 2_000


def measure(trial: Trial) -> Figures:
    """Measures both crowds, with the same number of deliveries."""
    few = fan_out(trial, subscribers=FEW, burst=1, times=200)
    return {**few, **fan_out(trial, subscribers=MANY, burst=1, times=50)}


W5A = Workload(
    name="W5a",
    title="a channel's events one at a time, to 500 and 2,000 subscribers by server-sent events",
    metrics=(cpu_metric(FEW), cpu_metric(MANY), wall_metric(FEW), wall_metric(MANY)),
    targets=(
        Target(cpu_metric(FEW).name, 0.8, CEILING),
        Target(cpu_metric(FEW).name, 1.8, "litestar"),
        Target(cpu_metric(MANY).name, 0.8, CEILING),
        Target(cpu_metric(MANY).name, 1.8, "litestar"),
    ),
    subjects=EVERYONE_WITH_A_CHANNEL,
    measure=measure,
)
