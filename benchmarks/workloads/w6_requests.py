"""W6: GET of a small Struct; POST and echo of one that is validated."""

from benchmarks.client import request
from benchmarks.kept_connections import requests_per_cpu_second
from benchmarks.subject import CEILING, EVERYONE
from benchmarks.trial import Trial
from benchmarks.workload import BEST_PEER, Figures, Metric, Target, Workload

GET = Metric("GET", "requests per second of CPU", is_better_high=True)
POST = Metric("POST", "requests per second of CPU", is_better_high=True)

BODY = b'{"id":100000,"name":"Item 100000","price":10.01}'


def measure(trial: Trial) -> Figures:
    """Measures both on the server that serves all rounds."""
    count = trial.size(20_000, 1_000)
    return {
        GET.name: requests_per_cpu_second(trial.server, request("/item"), count),
        POST.name: requests_per_cpu_second(trial.server, request("/item", body=BODY), count),
    }


W6 = Workload(
    name="W6",
    title="GET of a small Struct; POST and echo of one that is validated",
    metrics=(GET, POST),
    targets=(
        Target(GET.name, 0.95, CEILING),
        Target(POST.name, 0.95, CEILING),
        Target(GET.name, 1.1, BEST_PEER),
        Target(POST.name, 1.1, BEST_PEER),
        Target(GET.name, 3.0, "fastapi"),
    ),
    subjects=EVERYONE,
    measure=measure,
)
