"""Counts what the gateway does, for Prometheus."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from demo_app.chunks import Usage
from jero import StreamOutcome, StreamStart

# Seconds. A model's first token takes from a tenth of a second to half a minute.
BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._open = Gauge("demo_open_streams", "Streams that are open now.", ["endpoint"], registry=self.registry)
        self._streams = Counter(
            "demo_streams", "Streams that have ended, by how.", ["endpoint", "outcome"], registry=self.registry
        )
        self._answers = Counter(
            "demo_answers",
            "Answers that have ended, whole or to questions, by how.",
            ["endpoint", "outcome"],
            registry=self.registry,
        )
        self._first_token = Histogram(
            "demo_first_token_seconds",
            "Seconds from the request to the first chunk of an answer.",
            ["endpoint"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._tokens = Counter(
            "demo_tokens", "Tokens that the upstream has counted, by kind.", ["kind"], registry=self.registry
        )

    def stream_started(self, start: StreamStart) -> None:
        """Counts an open stream."""
        self._open.labels(start.endpoint).inc()

    def stream_ended(self, outcome: StreamOutcome) -> None:
        """Counts a stream that ended."""
        self._open.labels(outcome.endpoint).dec()
        self._streams.labels(outcome.endpoint, outcome.reason).inc()

    def first_token_after(self, seconds: float | None, endpoint: str) -> None:
        """Counts the time to the first token of a streamed answer, unless it is `None`."""
        if seconds is not None:
            self._first_token.labels(endpoint).observe(seconds)

    def answered(self, endpoint: str, outcome: str) -> None:
        """Counts an answer that ended, whole or as a run. `outcome`: as the reason of a `StreamOutcome`."""
        self._answers.labels(endpoint, outcome).inc()

    def count_tokens(self, usage: Usage | None) -> None:
        """Counts the tokens of one answer, if the upstream has sent their numbers."""
        if usage is not None:
            self._tokens.labels("prompt").inc(usage.prompt_tokens)
            self._tokens.labels("completion").inc(usage.completion_tokens)
