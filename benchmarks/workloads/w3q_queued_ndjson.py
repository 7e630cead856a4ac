"""W3q: NDJSON from a source that takes its items from a queue of 16."""

from benchmarks.subject import CEILING, EVERYONE
from benchmarks.workload import Target, Workload
from benchmarks.workloads.stream_cost import CPU, stream_cost

W3Q = Workload(
    name="W3q",
    title="NDJSON, items through a queue of 16",
    metrics=(CPU,),
    targets=(
        Target(CPU.name, 1.6),
        Target(CPU.name, 1.6 / 6.4, CEILING),
    ),
    subjects=EVERYONE,
    measure=stream_cost("/ndjson/queued", 100_000),
)
