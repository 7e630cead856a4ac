"""The figures of a run: medians of rounds, ratios, and whether a target is reached."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from benchmarks.subject import JERO, NOT_PEERS
from benchmarks.workload import BEST_PEER, Figures, Target, Workload


@dataclass(frozen=True)
class Verdict:
    """A target, what jero came to (a ratio where `target.against` is another), and whether that is enough."""

    target: Target
    value: float
    against: str | None
    is_reached: bool


@dataclass
class Results:
    """All rounds of one workload."""

    workload: Workload
    rounds: dict[str, list[Figures]] = field(default_factory=dict[str, list[Figures]])

    def add(self, subject: str, figures: Figures) -> None:
        """Keeps what one round of one subject came to."""
        self.rounds.setdefault(subject, []).append(figures)

    def median(self, subject: str, metric: str) -> float | None:
        """The median of a subject's rounds; `None` where it has no such figure."""
        values = [figures[metric] for figures in self.rounds.get(subject, []) if metric in figures]
        return median(values) if values else None

    def medians(self, metric: str) -> dict[str, float]:
        """The medians of all subjects that have the metric."""
        found = {subject: self.median(subject, metric) for subject in self.rounds}
        return {subject: value for subject, value in found.items() if value is not None}

    def ratio(self, subject: str, metric: str, against: str) -> float | None:
        """How many times another's figure a subject's is; `None` where either is missing, zero or infinite.

        It is the median of the rounds' ratios: the two figures of a round come from about the same time, and a machine
        that others use too may be half as fast in the next.
        """
        if ratio(self.median(subject, metric), self.median(against, metric)) is None:
            return None
        rounds = zip(self.rounds[subject], self.rounds[against], strict=False)
        ratios = [ratio(one.get(metric), other.get(metric)) for one, other in rounds]
        known = [value for value in ratios if value is not None]
        return median(known) if known else None

    def best_peer(self, metric: str) -> str | None:
        """The peer whose median is the best."""
        peers = {name: value for name, value in self.medians(metric).items() if name not in NOT_PEERS}
        if not peers:
            return None
        pick = max if self.workload.metric(metric).is_better_high else min
        return pick(peers, key=lambda name: peers[name])

    def verdicts(self) -> list[Verdict]:
        """Each target that this run can judge."""
        return [verdict for target in self.workload.targets for verdict in self._judge(target)]

    def _judge(self, target: Target) -> Iterable[Verdict]:
        against = self.best_peer(target.metric) if target.against == BEST_PEER else target.against
        own = self.median(JERO, target.metric)
        value = own if target.against is None else self.ratio(JERO, target.metric, against or "")
        if value is not None:
            is_better_high = self.workload.metric(target.metric).is_better_high
            is_reached = value >= target.bound if is_better_high else value <= target.bound
            yield Verdict(target, value, against, is_reached)


def ratio(value: float | None, base: float | None) -> float | None:
    """`value / base`, or `None` where that says nothing."""
    if value is None or not base or not (math.isfinite(value) and math.isfinite(base)):
        return None
    return value / base


def plain(results: Results) -> Mapping[str, list[dict[str, float | None]]]:
    """All rounds as JSON can hold them: what never came to pass is `null`."""
    return {
        subject: [{name: value if math.isfinite(value) else None for name, value in one.items()} for one in rounds]
        for subject, rounds in results.rounds.items()
    }
