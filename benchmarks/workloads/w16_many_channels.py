"""W16: 10,000 channels of a kind with one subscriber each, in memory and on Redis; in process."""

import json
import subprocess
import sys

from benchmarks.many_channels import CAUGHT_UP, CPU, GROWTH, KIB, MEDIAN, RESIDENT_GROWTH, SPREAD
from benchmarks.redis_server import PROGRAM, RedisServer
from benchmarks.subject import JERO
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

STORES = ("memory", "Redis")
MANY = "10,000"
DELAYS = {store: Metric(f"{store}, median", f"us from publish to receive, {MANY} channels") for store in STORES}
DELAY_GROWTHS = {store: Metric(f"{store}, median, {MANY} to 1", "times") for store in STORES}
CPU_GROWTHS = {store: Metric(f"{store}, CPU, {MANY} to 1", "times") for store in STORES}
# The data of many channels does not stay in the caches of a core, so an event in each of them in turn costs more.
SPREADS = {store: Metric(f"{store}, in turn", "us of CPU an event, in 300 of the channels in turn") for store in STORES}
SIZES = {store: Metric(f"{store}, an open channel", "KiB") for store in STORES}
LEFT = Metric("left by a cycle", "bytes a channel that came and went, traced")
LEFT_RESIDENT = Metric("left by a cycle, resident", "bytes a channel that came and went")
BACK = Metric("caught up", f"s after a lost connection, {MANY} channels")


def measure(trial: Trial) -> Figures:
    """Measures both stores, each in a process of its own."""
    count = trial.size(10_000, 50)
    figures: dict[str, float] = {}
    with RedisServer() as redis:
        for store, url in (("memory", []), ("Redis", [redis.url])):
            command = [sys.executable, "-m", "benchmarks.many_channels", str(trial.size(10, 1)), str(count), *url]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
            figures[DELAYS[store].name] = found[f"{MEDIAN} {count}"] * 1e6
            figures[DELAY_GROWTHS[store].name] = found[f"{MEDIAN} {count}"] / found[f"{MEDIAN} 1"]
            figures[CPU_GROWTHS[store].name] = found[f"{CPU} {count}"] / found[f"{CPU} 1"]
            figures[SPREADS[store].name] = found[f"{SPREAD} {count}"] * 1e6
            figures[SIZES[store].name] = found[KIB]
            if url:
                figures[BACK.name] = found[CAUGHT_UP]
            else:
                figures[LEFT.name] = found[GROWTH] / count
                figures[LEFT_RESIDENT.name] = found[RESIDENT_GROWTH] / count
    return figures


W16 = Workload(
    name="W16",
    title="10,000 channels of a kind, one subscriber each, in process",
    metrics=(
        DELAYS["memory"],
        DELAYS["Redis"],
        *DELAY_GROWTHS.values(),
        *CPU_GROWTHS.values(),
        *SPREADS.values(),
        *SIZES.values(),
        LEFT,
        LEFT_RESIDENT,
        BACK,
    ),
    targets=(
        *(Target(metric.name, 1.2) for metric in (*DELAY_GROWTHS.values(), *CPU_GROWTHS.values())),
        *(Target(metric.name, 2.0) for metric in SIZES.values()),
        Target(LEFT.name, 100.0),
        Target(BACK.name, 2.0),
    ),
    subjects=(JERO,),
    measure=measure,
    most_rounds=3,
    program=PROGRAM,
)
