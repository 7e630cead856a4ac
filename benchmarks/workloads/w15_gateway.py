"""W15: a gateway to a chat service, which streams chat completions."""

import time
from dataclasses import dataclass

from benchmarks.chat_clients import Chats
from benchmarks.chat_upstream import Script
from benchmarks.gateway import Gateway
from benchmarks.spread import percentile
from benchmarks.subject import EVERYONE_WITH_A_GATEWAY
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

BLOCKS = Metric("blocks of 50", "µs of CPU a chunk")
ALONE = Metric("one at a time", "µs of CPU a chunk")
CROWD = Metric("500 streams", "µs of CPU a chunk")
MEDIAN = Metric("500 streams, median", "ms added to the age of a chunk")
P99 = Metric("500 streams, p99", "ms added to the age of a chunk")

BLOCK = 50
CHUNKS = 20_000
SETTLING_SECONDS = 1.0


@dataclass(frozen=True)
class Load:
    """Streams that each get a chunk every `pause` seconds, evenly spread over the pause, when all are open."""

    streams: int
    count: int
    pause: float
    opening: float

    def scripts(self) -> list[Script]:
        """Returns the scripts of the streams, if the first is opened now."""
        begin = time.monotonic() + self.opening
        return [
            Script(self.count, pause=self.pause, begin=begin + self.pause * place / self.streams)
            for place in range(self.streams)
        ]

    def chats(self, port: int) -> Chats:
        """Returns the streams. They are opened in three quarters of the time."""
        return Chats(port, self.scripts(), opening=self.opening * 0.75)


def measure(trial: Trial) -> Figures:
    """Measures a fresh gateway: first its CPU, then how much older it makes a chunk."""
    chunks, streams = trial.size(CHUNKS, 500), trial.size(500, 20)
    # The slowest gateway has a millisecond for each chunk.
    few = Load(10, chunks // 10, 0.01, opening=0.1)
    # httpx takes some milliseconds to open a connection beside hundreds of others.
    crowd = Load(streams, trial.size(180, 15), 1 / 30, opening=streams / 100)
    settling = trial.size(1, 0) * SETTLING_SECONDS
    with Gateway(trial.subject) as gateway:
        gateway.cost(Chats(gateway.port, [Script(trial.size(1_000, 100))]))
        blocks, _ = gateway.cost(Chats(gateway.port, [Script(chunks, at_once=BLOCK)]))
        alone, _ = gateway.cost(few.chats(gateway.port))
        _, straight = gateway.cost(crowd.chats(gateway.upstream_port), settling=settling)
        crowded, through = gateway.cost(crowd.chats(gateway.port), settling=settling)
    median, p99 = ((percentile(through, percent) - percentile(straight, percent)) * 1e3 for percent in (50, 99))
    return {
        BLOCKS.name: blocks,
        ALONE.name: alone,
        CROWD.name: crowded,
        MEDIAN.name: median,
        P99.name: p99,
    }


W15 = Workload(
    name="W15",
    title="a gateway to a chat service: chunks in blocks of 50, one at a time, and 500 streams of 30 a second each",
    metrics=(BLOCKS, ALONE, CROWD, MEDIAN, P99),
    targets=(
        Target(BLOCKS.name, 6.0),
        Target(BLOCKS.name, 1 / 25, "fastapi"),
        Target(ALONE.name, 1.5, "starlette"),
        Target(P99.name, 10.0),
    ),
    subjects=EVERYONE_WITH_A_GATEWAY,
    measure=measure,
    most_rounds=3,
    base="starlette",
)
