"""W2: server-sent events from a source that never pauses."""

from benchmarks.subject import CEILING, EVERYONE_WITH_SSE
from benchmarks.workload import Target, Workload
from benchmarks.workloads.stream_cost import CPU, stream_cost

W2 = Workload(
    name="W2",
    title="server-sent events, a source that never pauses",
    metrics=(CPU,),
    targets=(
        Target(CPU.name, 0.45),
        Target(CPU.name, 0.45 / 6.2, CEILING),
        Target(CPU.name, 0.45 / 10.0, "sse-starlette"),
        Target(CPU.name, 0.45 / 32, "fastapi"),
    ),
    subjects=EVERYONE_WITH_SSE,
    measure=stream_cost("/sse/ready", 100_000),
)
