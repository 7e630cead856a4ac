"""Tests the medians, ratios and verdicts of a run."""

import math

import pytest

from benchmarks.results import Results, plain, ratio
from benchmarks.spread import percentile
from benchmarks.subject import CEILING, JERO
from benchmarks.trial import Trial
from benchmarks.workload import BEST_PEER, Figures, Metric, Target, Workload

COST, SPEED = Metric("cost", "s"), Metric("speed", "1/s", is_better_high=True)


def unmeasured(_: Trial) -> Figures:
    raise NotImplementedError


def results(*targets: Target, **rounds: list[Figures]) -> Results:
    workload = Workload("W0", "a test", (COST, SPEED), targets, (JERO, CEILING), unmeasured)
    return Results(workload, dict(rounds))


def costs(*values: float) -> list[Figures]:
    return [{"cost": value} for value in values]


def test_a_figure_is_the_median_of_its_rounds() -> None:
    run = results(jero=costs(1.0, 9.0, 2.0), ceiling=costs(4.0))
    assert run.median("jero", "cost") == 2.0
    assert run.median("jero", "speed") is None
    assert run.medians("cost") == {"jero": 2.0, "ceiling": 4.0}


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    run = results(jero=costs(1.0, 9.0, 2.0), ceiling=costs(4.0, 18.0, 2.0))  # the machine was slow in the second round
    assert run.ratio("jero", "cost", "ceiling") == 0.5
    assert run.ratio("jero", "cost", "falcon") is None
    assert run.ratio("jero", "speed", "ceiling") is None


def test_a_ratio_ignores_a_round_without_a_figure() -> None:
    run = results(jero=costs(1.0, math.inf, 3.0), ceiling=costs(4.0, 4.0, 4.0))
    assert run.ratio("jero", "cost", "ceiling") == 0.5
    assert results(jero=costs(1.0, math.inf, math.inf), ceiling=costs(4.0)).ratio("jero", "cost", "ceiling") is None
    measured_once = results(jero=[{"cost": 1.0, "speed": 1.0}, {"cost": 1.0}], ceiling=[{"speed": 4.0}, {}])
    assert measured_once.ratio("jero", "speed", "ceiling") == 0.25


@pytest.mark.parametrize(("value", "base"), [(None, 1.0), (1.0, None), (1.0, 0.0), (math.inf, 1.0), (1.0, math.inf)])
def test_a_ratio_is_none_if_a_figure_is_missing_zero_or_infinite(value: float | None, base: float | None) -> None:
    assert ratio(value, base) is None


def test_the_best_peer_is_not_jero_the_ceiling_or_the_floor() -> None:
    run = results(jero=costs(1.0), ceiling=costs(2.0), floor=costs(2.5), falcon=costs(3.0), litestar=costs(4.0))
    assert run.best_peer("cost") == "falcon"
    fast = results(falcon=[{"speed": 3.0}], litestar=[{"speed": 4.0}], starlette=[{"cost": 1.0}])
    assert fast.best_peer("speed") == "litestar"
    assert results(jero=costs(1.0)).best_peer("cost") is None


@pytest.mark.parametrize(
    ("target", "value", "against", "reached"),
    [
        (Target("cost", 0.5, CEILING), 0.5, CEILING, "yes"),
        (Target("cost", 0.4, CEILING), 0.5, CEILING, "no"),
        (Target("cost", 0.3, BEST_PEER), 0.25, "falcon", "yes"),
        (Target("cost", 1.0), 1.0, None, "yes"),
        (Target("cost", 0.9), 1.0, None, "no"),
        (Target("speed", 2.0, CEILING), 2.0, CEILING, "yes"),
        (Target("speed", 2.1, CEILING), 2.0, CEILING, "no"),
    ],
)
def test_a_target_is_judged(target: Target, value: float, against: str | None, reached: str) -> None:
    run = results(
        target,
        jero=[{"cost": 1.0, "speed": 8.0}],
        ceiling=[{"cost": 2.0, "speed": 4.0}],
        falcon=[{"cost": 4.0, "speed": 2.0}],
    )
    (verdict,) = run.verdicts()
    assert (verdict.value, verdict.against) == (value, against)
    assert verdict.is_reached == (reached == "yes")


def test_a_target_without_figures_is_not_judged() -> None:
    assert not results(Target("speed", 1.0), Target("cost", 1.0, "falcon"), jero=costs(1.0)).verdicts()


def test_an_infinite_figure_does_not_reach_a_target() -> None:
    (verdict,) = results(Target("cost", 3.0), jero=costs(math.inf)).verdicts()
    assert not verdict.is_reached


def test_an_infinite_figure_is_written_as_null() -> None:
    assert plain(results(jero=costs(math.inf, 1.0))) == {"jero": [{"cost": None}, {"cost": 1.0}]}


@pytest.mark.parametrize(("percent", "expected"), [(50, 5.0), (99, 10.0), (10, 1.0), (0, 1.0)])
def test_percentiles(percent: float, expected: float) -> None:
    assert percentile([float(value) for value in range(10, 0, -1)], percent) == expected
