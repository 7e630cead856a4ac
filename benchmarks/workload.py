"""Defines a workload as data: its subjects, its metrics, and the targets of jero."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.subject import CEILING
from benchmarks.trial import Trial

# The figures of one round of one subject, by the name of the metric; `math.inf` for an event that never happened.
Figures: TypeAlias = Mapping[str, float]

BEST_PEER = "best peer"


@dataclass(frozen=True)
class Metric:
    """The name and unit of a figure, and whether a higher figure is better."""

    name: str
    unit: str
    is_better_high: bool = False


@dataclass(frozen=True)
class Target:
    """A bound for jero's figure: in the metric's unit, or as a ratio to the figure of the subject `against`.

    jero has to stay at or under the bound, or to reach it if a higher figure is better.
    """

    metric: str
    bound: float
    against: str | None = None


@dataclass(frozen=True)
class Workload:
    """A workload. `measure` runs one round of one subject. The first metric is drawn.

    `most_rounds`: the limit for a workload that takes long, or whose figures hardly differ from round to round.
    `program`: has to be on the PATH. `base`: the subject that the table compares all others with.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    targets: tuple[Target, ...]
    subjects: tuple[str, ...]
    measure: Callable[[Trial], Figures]
    most_rounds: int = 99
    program: str | None = None
    base: str = CEILING

    def metric(self, name: str) -> Metric:
        """Returns the metric of that name."""
        return next(metric for metric in self.metrics if metric.name == name)
