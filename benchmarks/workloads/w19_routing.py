"""W19: a plain request of an application with many endpoints, half of them templates, and its startup; in process."""

import json
import subprocess
import sys

from benchmarks.many_routes import COUNTS, KINDS, STARTUP, figure_name
from benchmarks.subject import EVERYONE_WITH_MANY_ROUTES
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

FEWEST, *_, MOST = COUNTS
COSTS = {name: Metric(name, "us a request") for kind in KINDS for name in (figure_name(kind, n) for n in COUNTS)}
GROWTHS = {kind: Metric(f"{kind}, {MOST:,} to {FEWEST}", "times") for kind in KINDS}
STARTUP_TIME = Metric(STARTUP, "s of CPU")


def measure(trial: Trial) -> Figures:
    """Runs the applications in a process of their own, since frameworks do not always live side by side."""
    rounds = trial.size(20, 2)
    command = [sys.executable, "-m", "benchmarks.many_routes", trial.subject.routes_module, str(rounds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    growths = {
        growth.name: figures[figure_name(kind, MOST)] / figures[figure_name(kind, FEWEST)]
        for kind, growth in GROWTHS.items()
    }
    return {**figures, **growths}


W19 = Workload(
    name="W19",
    title="a request with 3 to 3,000 endpoints in process, and the startup of 3,000",
    metrics=(
        COSTS[figure_name("template", MOST)],
        *(metric for name, metric in COSTS.items() if name != figure_name("template", MOST)),
        *GROWTHS.values(),
        STARTUP_TIME,
    ),
    targets=(
        *(Target(growth.name, 1.1) for growth in GROWTHS.values()),
        Target(STARTUP_TIME.name, 0.2),
    ),
    subjects=EVERYONE_WITH_MANY_ROUTES,
    measure=measure,
    most_rounds=3,
)
