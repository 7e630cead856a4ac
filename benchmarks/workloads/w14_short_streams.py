"""W14: streams of one item and of twenty, the same list as a stream, and as one JSON answer."""

from benchmarks.client import request
from benchmarks.in_process import measure_apart
from benchmarks.item import ITEM_BYTES, PAGE
from benchmarks.kept_connections import requests_per_cpu_second
from benchmarks.subject import CEILING, EVERYONE_WITH_A_FLOOR, FLOOR, JERO
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

ONE = Metric("one item", "requests per second of CPU", is_better_high=True)
TWENTY = Metric("twenty items", "requests per second of CPU", is_better_high=True)
LIST = Metric("a list of twenty", "requests per second of CPU", is_better_high=True)
STREAMED_LIST = Metric("a list of twenty as a stream", "requests per second of CPU", is_better_high=True)
STREAM_AS_FAST = Metric("the list as a stream / the list", "ratio of the requests", is_better_high=True)
ONE_IN_PROCESS = Metric("one item in process", "µs of CPU a request")
TWENTY_IN_PROCESS = Metric("twenty items in process", "µs of CPU a request")
ANSWER_IN_PROCESS = Metric("one item as an answer in process", "µs of CPU a request")
LIST_IN_PROCESS = Metric("a list of twenty in process", "µs of CPU a request")

# The path of each, the items in its answer, its metric over a server and its metric in process.
ANSWERS = (
    ("/ndjson/ready?count=1", 1, ONE, ONE_IN_PROCESS),
    (f"/ndjson/ready?count={len(PAGE)}", len(PAGE), TWENTY, TWENTY_IN_PROCESS),
    ("/items", len(PAGE), LIST, LIST_IN_PROCESS),
    ("/item", 1, None, ANSWER_IN_PROCESS),
)


def measure(trial: Trial) -> Figures:
    """Measures the requests over a server, as W6 does, and then in process, as W10 does."""
    figures = {
        metric.name: requests_per_cpu_second(trial.server, request(path), trial.size(10_000, 1_000))
        for path, _, metric, _ in ANSWERS
        if metric is not None
    }
    # Peers have one way to stream a list: a generator of its items.
    streamed = "/ndjson/page" if trial.subject.name == JERO else ANSWERS[1][0]
    figures[STREAMED_LIST.name] = requests_per_cpu_second(trial.server, request(streamed), trial.size(10_000, 1_000))
    figures[STREAM_AS_FAST.name] = figures[STREAMED_LIST.name] / figures[LIST.name]
    costs = measure_apart(trial.subject.module, trial.size(5_000, 200), [path for path, *_ in ANSWERS])
    for (path, items, _, metric), cost in zip(ANSWERS, costs, strict=True):
        if cost.bytes < items * ITEM_BYTES:
            raise RuntimeError(f"{trial.subject.name} sent {cost.bytes} bytes for {path}, too few for {items} items")
        figures[metric.name] = cost.nanoseconds / 1e3
    return figures


W14 = Workload(
    name="W14",
    title="NDJSON, streams of one item and of twenty",
    metrics=(
        ONE,
        TWENTY,
        LIST,
        STREAMED_LIST,
        STREAM_AS_FAST,
        ONE_IN_PROCESS,
        TWENTY_IN_PROCESS,
        ANSWER_IN_PROCESS,
        LIST_IN_PROCESS,
    ),
    targets=(
        Target(ONE.name, 0.6, CEILING),
        Target(TWENTY.name, 0.6, CEILING),
        Target(STREAM_AS_FAST.name, 0.8),
        Target(ONE_IN_PROCESS.name, 2.0, FLOOR),
        Target(TWENTY_IN_PROCESS.name, 2.0, FLOOR),
    ),
    subjects=EVERYONE_WITH_A_FLOOR,
    measure=measure,
)
