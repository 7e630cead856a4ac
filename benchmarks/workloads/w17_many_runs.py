"""W17: 1,000 runs at once on one worker, in memory and on Redis; in process."""

import json
import subprocess
import sys

from benchmarks.many_runs import ALONE, BYTES, FAULTS, FOLLOWED, LATE, TASKS
from benchmarks.redis_server import PROGRAM, RedisServer
from benchmarks.subject import JERO
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

# How many items a second each run has.
RATES = {"memory": 50, "Redis": 5}
COSTS = {store: Metric(f"{store}, an item", f"us of CPU, {rate} a second in each run") for store, rate in RATES.items()}
FOLLOWED_COSTS = {
    store: Metric(f"{store}, followed", "us of CPU an item, with a follower that decodes it") for store in RATES
}
WRONG = {store: Metric(f"{store}, wrong", "items that were lost, came twice, or in a wrong place") for store in RATES}
LEFT = {store: Metric(f"{store}, tasks", "tasks left over") for store in RATES}
DELAYS = {store: Metric(f"{store}, late", "ms after its time, the latest item") for store in RATES}
KEPT = Metric("kept", "resident bytes of an item in memory")


def measure(trial: Trial) -> Figures:
    """Measures both stores, each in a process of its own."""
    count = trial.size(1_000, 20)
    seconds = trial.size(10_000, 200) / 1_000
    figures: dict[str, float] = {}
    with RedisServer() as redis:
        for store, url in (("memory", []), ("Redis", [redis.url])):
            command = [sys.executable, "-m", "benchmarks.many_runs", str(count), str(RATES[store]), str(seconds), *url]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
            figures[COSTS[store].name] = found[ALONE] * 1e6
            figures[FOLLOWED_COSTS[store].name] = found[FOLLOWED] * 1e6
            figures[WRONG[store].name] = found[FAULTS]
            figures[LEFT[store].name] = found[TASKS]
            figures[DELAYS[store].name] = found[LATE] * 1e3
            if not url:
                figures[KEPT.name] = found[BYTES]
    return figures


W17 = Workload(
    name="W17",
    title="1,000 runs at once on one worker, in process",
    metrics=(
        *COSTS.values(),
        *FOLLOWED_COSTS.values(),
        KEPT,
        *WRONG.values(),
        *LEFT.values(),
        *DELAYS.values(),
    ),
    targets=(
        *(Target(metric.name, 0.0) for metric in (*WRONG.values(), *LEFT.values())),
        Target(KEPT.name, 1_000.0),
    ),
    subjects=(JERO,),
    measure=measure,
    most_rounds=3,
    program=PROGRAM,
)
