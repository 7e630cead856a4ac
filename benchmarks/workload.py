"""What a workload is, as data: who takes part, what is measured, what jero is to reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.trial import Trial

# What one round of one subject came to, by the name of its metric; `math.inf` for what never came to pass.
Figures: TypeAlias = Mapping[str, float]

BEST_PEER = "best peer"


@dataclass(frozen=True)
class Metric:
    """One figure, and which end of its scale is the good one."""

    name: str
    unit: str
    is_better_high: bool = False


@dataclass(frozen=True)
class Target:
    """jero's figure is to be at most, or at least, `bound`: times another's (`against`), or in the metric's unit."""

    metric: str
    bound: float
    against: str | None = None


@dataclass(frozen=True)
class Workload:
    """`measure` runs one round of one subject. The first metric is the one that is drawn.

    `most_rounds` holds for workloads whose figures hardly differ from round to round, or that take long. `program` has
    to be on the PATH.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    targets: tuple[Target, ...]
    subjects: tuple[str, ...]
    measure: Callable[[Trial], Figures]
    most_rounds: int = 99
    program: str | None = None

    def metric(self, name: str) -> Metric:
        """The metric of that name."""
        return next(metric for metric in self.metrics if metric.name == name)
