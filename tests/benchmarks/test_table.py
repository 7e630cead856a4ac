"""Tests how a run is printed."""

import math

import pytest

from benchmarks.bars import bars
from benchmarks.results import Results
from benchmarks.table import figure, markdown, plain, rows, targets
from benchmarks.workload import Figures
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.stream_cost import CPU

RUN = Results(
    WORKLOADS["w1"],
    {
        "jero": [{CPU.name: 0.5}],
        "ceiling": [{CPU.name: 6.0}],
        "falcon": [{CPU.name: 7.0}],
        "starlette": [{CPU.name: math.inf}],
    },
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.inf, "never"),
        (0.0, "0.00"),
        (0.0726, "0.073"),
        (0.25, "0.25"),
        (6.2, "6.20"),
        (12.34, "12.3"),
        (47_000.4, "47,000"),
    ],
)
def test_a_figure_has_about_three_digits(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_rows_contains_figures_and_ratios() -> None:
    assert rows(RUN) == [
        ["", "CPU, s per million items", "CPU / ceiling"],
        ["jero", "0.50", "0.083"],
        ["ceiling", "6.00", "1.00"],
        ["falcon", "7.00", "1.17"],
        ["starlette", "never", ""],
    ]


def test_rows_compares_with_the_base_and_names_what_is_not_installed() -> None:
    first, second, *_ = WORKLOADS["w15"].metrics
    rounds: dict[str, list[Figures]] = {
        "jero": [{first.name: 3.0, second.name: 9.0}],
        "starlette": [{first.name: 2.0, second.name: 8.0}],
    }
    run = Results(WORKLOADS["w15"], rounds, not_installed=["litellm"])
    assert rows(run) == [
        ["", f"{first.name}, {first.unit}", f"{second.name}, {second.unit}", f"{first.name} / starlette"],
        ["jero", "3.00", "9.00", "1.50"],
        ["starlette", "2.00", "8.00", "1.00"],
        ["litellm", "not installed", "", ""],
    ]


def test_rows_without_the_ceiling_have_no_ratio() -> None:
    metric = WORKLOADS["w11"].metrics[0]
    run = Results(WORKLOADS["w11"], {"jero": [{metric.name: 3.0}], "litestar": [{metric.name: 1.0}]})
    assert rows(run) == [["", f"{metric.name}, {metric.unit}"], ["jero", "3.00"], ["litestar", "1.00"]]


def test_targets_contains_bounds_and_verdicts() -> None:
    assert targets(RUN) == [
        ["target of jero", "bound", "measured", "reached"],
        ["CPU: s per million items", "at most 0.45", "0.50", "no"],
        ["CPU: jero / ceiling", "at most 0.073", "0.083", "no"],
        ["CPU: jero / falcon", "at most 0.073", "0.071", "yes"],
    ]


def test_a_table_is_written_as_text_and_as_markdown() -> None:
    table = [["", "CPU"], ["jero", "0.50"], ["falcon", "17.00"]]
    assert plain(table) == "          CPU\njero     0.50\nfalcon  17.00"
    assert markdown(table) == "|  | CPU |\n| --- | ---: |\n| jero | 0.50 |\n| falcon | 17.00 |"


def test_a_bar_is_proportional_to_its_figure() -> None:
    heading, jero, ceiling, falcon, starlette = bars(RUN).splitlines()
    assert heading == "W1 CPU, s per million items (shorter is better)"
    assert [line.count("█") for line in (jero, ceiling, falcon, starlette)] == [4, 43, 50, 0]
    assert starlette.endswith("never")
