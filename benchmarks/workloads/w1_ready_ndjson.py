"""W1: NDJSON from a source that never pauses."""

from benchmarks.subject import CEILING, EVERYONE
from benchmarks.workload import BEST_PEER, Target, Workload
from benchmarks.workloads.stream_cost import CPU, stream_cost

W1 = Workload(
    name="W1",
    title="NDJSON, a source that never pauses",
    metrics=(CPU,),
    targets=(
        Target(CPU.name, 0.45),
        Target(CPU.name, 0.45 / 6.2, CEILING),
        Target(CPU.name, 0.45 / 6.2, BEST_PEER),
        Target(CPU.name, 0.45 / 10.2, "fastapi"),
    ),
    subjects=EVERYONE,
    measure=stream_cost("/ndjson/ready", 200_000),
)
