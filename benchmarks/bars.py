"""A plot for a terminal: the first metric of a workload, a bar a subject."""

import math

from benchmarks.results import Results
from benchmarks.table import figure

WIDTH = 50


def bars(results: Results) -> str:
    """The longest bar is the largest figure; what never came to pass has none."""
    metric = results.workload.metrics[0]
    medians = results.medians(metric.name)
    longest = max((value for value in medians.values() if math.isfinite(value)), default=0) or 1
    end = "longer" if metric.is_better_high else "shorter"
    lines = [f"{results.workload.name} {metric.name}, {metric.unit} ({end} is better)"]
    for subject, value in medians.items():
        bar = "█" * max(1, round(value / longest * WIDTH)) if math.isfinite(value) else ""
        lines.append(f"  {subject:18} {bar} {figure(value)}")
    return "\n".join(lines)
