"""Draws the first metric of a workload for a terminal, with a bar for each subject."""

import math

from benchmarks.results import Results
from benchmarks.table import figure

WIDTH = 50


def bars(results: Results) -> str:
    """Returns the bars. The longest is the largest figure; an infinite figure has no bar."""
    metric = results.workload.metrics[0]
    medians = results.medians(metric.name)
    longest = max((value for value in medians.values() if math.isfinite(value)), default=0) or 1
    end = "longer" if metric.is_better_high else "shorter"
    lines = [f"{results.workload.name} {metric.name}, {metric.unit} ({end} is better)"]
    for subject, value in medians.items():
        bar = "█" * max(1, round(value / longest * WIDTH)) if math.isfinite(value) else ""
        lines.append(f"  {subject:18} {bar} {figure(value)}")
    return "\n".join(lines)
