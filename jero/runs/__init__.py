"""Runs: streams that outlive their clients, in one process or on Redis."""

from jero.framing.framing import NotCompleted
from jero.runs.end import RunEnd
from jero.runs.runs import Run, Runs, RunStatus
from jero.runs.stream import RunStream

__all__ = ["NotCompleted", "Run", "RunEnd", "RunStatus", "RunStream", "Runs"]
