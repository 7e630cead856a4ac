"""W3: NDJSON from a source that pauses once per item. Each item is sent before the next is made."""

from benchmarks.subject import CEILING, EVERYONE
from benchmarks.workload import Target, Workload
from benchmarks.workloads.stream_cost import CPU, stream_cost

W3 = Workload(
    name="W3",
    title="NDJSON, a source that pauses once per item",
    metrics=(CPU,),
    targets=(
        Target(CPU.name, 7.9),
        Target(CPU.name, 7.9 / 7.5, CEILING),
    ),
    subjects=EVERYONE,
    measure=stream_cost("/ndjson/pausing", 100_000),
)
