"""Computes the figures of a run: medians of rounds, ratios, and whether a target is reached."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from benchmarks.subject import JERO, NOT_PEERS
from benchmarks.workload import BEST_PEER, Figures, Target, Workload


@dataclass(frozen=True)
class Verdict:
    """A target, and whether `value` reaches it. `value` is a ratio if the target is against another subject."""

    target: Target
    value: float
    against: str | None
    is_reached: bool


@dataclass
class Results:
    """The figures of all rounds of one workload, by subject, and the subjects that are not installed."""

    workload: Workload
    rounds: dict[str, list[Figures]] = field(default_factory=dict[str, list[Figures]])
    not_installed: list[str] = field(default_factory=list[str])

    def add(self, subject: str, figures: Figures) -> None:
        """Adds the figures of one round of one subject."""
        self.rounds.setdefault(subject, []).append(figures)

    def median(self, subject: str, metric: str) -> float | None:
        """Returns the median of a subject's rounds, or `None` if it has no such figure."""
        values = [figures[metric] for figures in self.rounds.get(subject, []) if metric in figures]
        return median(values) if values else None

    def medians(self, metric: str) -> dict[str, float]:
        """Returns the medians of all subjects that have the metric."""
        found = {subject: self.median(subject, metric) for subject in self.rounds}
        return {subject: value for subject, value in found.items() if value is not None}

    def ratio(self, subject: str, metric: str, against: str) -> float | None:
        """Returns a subject's figure divided by another's, or `None` if either is missing, zero or infinite.

        The result is the median of the rounds' ratios. The two figures of a round are measured at about the same time;
        a shared machine may be half as fast in the next round.
        """
        if ratio(self.median(subject, metric), self.median(against, metric)) is None:
            return None
        rounds = zip(self.rounds[subject], self.rounds[against], strict=False)
        ratios = [ratio(own.get(metric), theirs.get(metric)) for own, theirs in rounds]
        known = [value for value in ratios if value is not None]
        return median(known) if known else None

    def best_peer(self, metric: str) -> str | None:
        """Returns the peer with the best median, or `None` if no peer took part."""
        peers = {name: value for name, value in self.medians(metric).items() if name not in NOT_PEERS}
        if not peers:
            return None
        pick = max if self.workload.metric(metric).is_better_high else min
        return pick(peers, key=lambda name: peers[name])

    def verdicts(self) -> list[Verdict]:
        """Returns a verdict for each target whose figures this run has."""
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
    """Returns `value / base`, or `None` if either is missing or infinite, or `base` is zero."""
    if value is None or not base or not (math.isfinite(value) and math.isfinite(base)):
        return None
    return value / base


def plain(results: Results) -> Mapping[str, list[dict[str, float | None]]]:
    """Returns all rounds in a form that JSON can express: an infinite figure becomes `None`."""
    return {
        subject: [
            {name: value if math.isfinite(value) else None for name, value in figures.items()} for figures in rounds
        ]
        for subject, rounds in results.rounds.items()
    }
