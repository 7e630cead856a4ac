"""Draws a run as a PNG file, with a panel for each workload."""

import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import Results
from benchmarks.subject import CEILING, JERO
from benchmarks.table import figure

COLUMNS = 3
COLOURS = {JERO: "#3f51b5", CEILING: "#bdbdbd"}
PEER = "#90a4ae"


def can_draw() -> bool:
    """Returns whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(runs: Sequence[Results], path: Path) -> None:
    """Draws the first metric of each workload. Needs matplotlib, which only `nox -s bench` installs."""
    # Imported by name: the type checkers' environment does not have matplotlib.
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    columns = min(COLUMNS, len(runs))
    lines = math.ceil(len(runs) / columns)
    image, panels = pyplot.subplots(lines, columns, figsize=(5 * columns, 3 * lines), squeeze=False)
    for panel in panels.flat:
        panel.set_axis_off()
    for panel, results in zip(panels.flat, runs, strict=False):
        panel.set_axis_on()
        _panel(panel, results)
    image.tight_layout()
    image.savefig(path, dpi=75)
    pyplot.close(image)


def _panel(panel: Any, results: Results) -> None:
    metric = results.workload.metrics[0]
    medians = results.medians(metric.name)
    finite = {subject: value if math.isfinite(value) else 0 for subject, value in medians.items()}
    drawn = panel.barh(list(finite), list(finite.values()), color=[COLOURS.get(subject, PEER) for subject in finite])
    panel.bar_label(drawn, [figure(value) for value in medians.values()], padding=3, fontsize=8)
    panel.invert_yaxis()
    panel.margins(x=0.2)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=8)
    better = "more is better" if metric.is_better_high else "less is better"
    panel.set_title(f"{results.workload.name}: {metric.name}, {metric.unit}\n({better})", fontsize=9)
