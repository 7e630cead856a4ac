"""W10: a ready source in process, without sockets."""

import subprocess
import sys

from benchmarks.subject import CEILING, EVERYONE
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

COST = Metric("CPU", "ns an item")


def measure(trial: Trial) -> Figures:
    """In a process of its own, since frameworks do not always live side by side."""
    count = trial.size(500_000, 5_000)
    command = [sys.executable, "-m", "benchmarks.in_process", trial.subject.module, str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {COST.name: float(done.stdout.split()[-1])}


W10 = Workload(
    name="W10",
    title="NDJSON in process, a source that never pauses",
    metrics=(COST,),
    targets=(
        Target(COST.name, 400),
        Target(COST.name, 400 / 780, CEILING),
    ),
    subjects=EVERYONE,
    measure=measure,
)
