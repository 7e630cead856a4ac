"""Writes a run as a table: for a terminal, and in Markdown for the documentation."""

import math
from collections.abc import Sequence

from benchmarks.results import Results, Verdict
from benchmarks.subject import JERO
from benchmarks.workload import Metric


def rows(results: Results) -> list[list[str]]:
    """Returns the heading and a row for each subject: its figures, and the ratio of the first to the base's.

    The ratio is left out if the base does not take part. A subject that is not installed has no figures.
    """
    base = results.workload.base
    metrics = [metric for metric in results.workload.metrics if results.medians(metric.name)]
    ratios = [f"{metrics[0].name} / {base}"] if base in results.workload.subjects else []
    heading = ["", *(f"{metric.name}, {metric.unit}" for metric in metrics), *ratios]
    found = [[subject, *_row(results, subject, metrics)][: len(heading)] for subject in results.rounds]
    missing = [[subject, "not installed", *[""] * (len(heading) - 2)] for subject in results.not_installed]
    return [heading, *found, *missing]


def targets(results: Results) -> list[list[str]]:
    """Returns the heading and a row for each target."""
    heading = ["target of jero", "bound", "measured", "reached"]
    return [heading, *(_target(results, verdict) for verdict in results.verdicts())]


def plain(table: Sequence[Sequence[str]]) -> str:
    """Returns the table as text: columns as wide as their widest cell, figures flush right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(cells)
        ).rstrip()
        for cells in (list(zip(row, widths, strict=True)) for row in table)
    )


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Returns the table in Markdown, figures flush right."""
    heading, *body = ["| " + " | ".join(row) + " |" for row in table]
    rule = "| " + " | ".join(["---", *(["---:"] * (len(table[0]) - 1))]) + " |"
    return "\n".join([heading, rule, *body])


def figure(value: float | None) -> str:
    """Returns a figure to about three digits, "never" if it is infinite, and nothing if it is `None`."""
    if value is None:
        return ""
    if math.isinf(value):
        return "never"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}" if abs(value) >= 0.1 or not value else f"{value:.3f}"


def _row(results: Results, subject: str, metrics: Sequence[Metric]) -> list[str]:
    figures = [figure(results.median(subject, metric.name)) for metric in metrics]
    return [*figures, figure(results.ratio(subject, metrics[0].name, results.workload.base))]


def _target(results: Results, verdict: Verdict) -> list[str]:
    metric = results.workload.metric(verdict.target.metric)
    name = f"{JERO} / {verdict.against}" if verdict.against else metric.unit
    bound = "at least" if metric.is_better_high else "at most"
    return [
        f"{metric.name}: {name}",
        f"{bound} {figure(verdict.target.bound)}",
        figure(verdict.value),
        "yes" if verdict.is_reached else "no",
    ]
