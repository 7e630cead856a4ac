"""W10: a ready source in process, without sockets."""

from benchmarks.in_process import measure_apart
from benchmarks.item import ITEM_BYTES
from benchmarks.subject import CEILING, EVERYONE
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

COST = Metric("CPU", "ns an item")
WARM_UP_ITEMS = 1_000


def measure(trial: Trial) -> Figures:
    """Measures one long stream, after a short one that does not count."""
    count = trial.size(500_000, 5_000)
    targets = [f"/ndjson/ready?count={items}" for items in (WARM_UP_ITEMS, count)]
    _, cost = measure_apart(trial.subject.module, 1, targets)
    if cost.bytes < count * ITEM_BYTES:
        raise RuntimeError(f"{trial.subject.name} sent {cost.bytes} bytes, too few for {count} items")
    return {COST.name: cost.nanoseconds / count}


W10 = Workload(
    name="W10",
    title="NDJSON in process, a source that never pauses",
    metrics=(COST,),
    targets=(
        Target(COST.name, 400),
        Target(COST.name, 400 / 780, CEILING),
    ),
    subjects=EVERYONE,
    measure=measure,
)
