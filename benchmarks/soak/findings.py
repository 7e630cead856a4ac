"""Collects the findings of a soak, and judges them by their bounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.soak.manners import NEVER_READS, Manner
from benchmarks.soak.state import State

COUNTED = ("tasks", "generators", "descriptors", "threads", "open", "rooms")
CLOSED_WITHIN = 0.1
HEALTH_P99 = 0.020
GROWTH = 1.05
GROWTH_IN_BLOCKS = 1.01
EXIT_SECONDS = 6.0
EXIT_STATUS = -15  # uvicorn raises the signal again when it has shut down

EMPTY = State(
    tasks=0, generators=0, descriptors=0, threads=0, resident=0, blocks=0, open=0, rooms=0, endings={}, complaints=[]
)


@dataclass
class Findings:
    """The findings of one soak. Times are in seconds, memory in bytes.

    `asked`: the streams that each crowd opened, by manner.
    `empty`, `before`, `after`: the server's state at its start, after the warm-up, and at the end.
    `rooms`, `guests`: how many rooms came and went, and the streams in them. `keys`, `channels`: what Redis has at the
    end. `health`, `drained`, `closings`, `closings_at_once`: from the soak itself, without the warm-up.
    """

    asked: list[dict[Manner, int]] = field(default_factory=list[dict[Manner, int]])
    watched: int = 0
    endless: int = 0
    rooms: int = 0
    guests: int = 0
    keys: int = 0
    channels: int = 0
    unclosed: int = 0
    dropped: int = 0
    drained: int = 0
    health: list[float] = field(default_factory=list[float])
    closings: list[float] = field(default_factory=list[float])
    closings_at_once: list[float] = field(default_factory=list[float])
    surprises: list[str] = field(default_factory=list[str])
    empty: State = EMPTY
    before: State = EMPTY
    after: State = EMPTY
    exit_status: int = 0
    exit_seconds: float = 0.0

    @property
    def streams(self) -> int:
        """Returns the number of all streams."""
        return sum(sum(crowd.values()) for crowd in self.asked) + self.watched + self.endless + self.guests

    def asked_in_this_manner(self, manner: Manner) -> int:
        """Returns how many streams all crowds opened in this manner."""
        return sum(crowd.get(manner, 0) for crowd in self.asked)

    def report(self) -> str:
        """Returns the counts as text."""
        rows = [f"{self.streams} streams, {self.watched} of them held idle; {self.drained / 2**20:,.0f} MiB drained"]
        rows += [f"{self.rooms} rooms with {self.guests} streams came and went"]
        rows += [f"  {count:7} {ending}" for ending, count in sorted(self.after.endings.items())]
        rows += [
            f"/health, {len(self.health)} times: {quantiles(self.health)}",
            f"closed after its client left, one at a time, {len(self.closings)} times: {quantiles(self.closings)}",
            f"closed after all clients left, {len(self.closings_at_once)} at once: {quantiles(self.closings_at_once)}",
        ]
        rows += [
            f"{name}: {state.tasks} tasks, {state.generators} async generators, {state.descriptors} file descriptors, "
            f"{state.threads} threads, {state.resident / 2**20:.1f} MiB, {state.blocks} blocks of memory"
            for name, state in (("at the start", self.empty), ("warmed up", self.before), ("at the end", self.after))
        ]
        return "\n".join([*rows, *self.surprises[:10], *self.after.complaints[:10]])


def quantiles(times: Sequence[float]) -> str:
    """Returns the median, the 99th percentile and the maximum in milliseconds, as text."""
    found = ", ".join(f"{name} {quantile(times, share) * 1000:.1f}" for name, share in (("p50", 0.5), ("p99", 0.99)))
    return f"{found}, max {max(times, default=0.0) * 1000:.1f} ms"


def quantile(times: Sequence[float], share: float) -> float:
    """Returns the value that this share of the times does not exceed."""
    return sorted(times)[max(0, round(share * len(times)) - 1)] if times else 0.0


@dataclass(frozen=True)
class Verdict:
    """A bound, and whether it was held."""

    is_held: bool
    text: str

    def __str__(self) -> str:
        return f"{'held  ' if self.is_held else 'BROKEN'} {self.text}"


def verdicts(findings: Findings) -> list[Verdict]:
    """Returns a verdict for each bound."""
    before, after = findings.before, findings.after
    left = [
        Verdict(getattr(after, thing) <= getattr(before, thing), f"{thing} left over: {difference(thing, findings)}")
        for thing in COUNTED
    ]
    grown = after.resident / before.resident
    more_blocks = after.blocks / before.blocks
    closed = quantile(findings.closings, 1.0)
    return [
        *left,
        *of_endings(findings),
        Verdict(findings.keys == 0, f"keys left over on Redis: {findings.keys}"),
        Verdict(findings.channels == 0, f"channels that Redis still sends to: {findings.channels}"),
        Verdict(grown <= GROWTH, f"memory is {grown:.3f} of the memory after the warm-up, at most {GROWTH}"),
        Verdict(more_blocks <= GROWTH_IN_BLOCKS, f"and {more_blocks:.4f} of its blocks, at most {GROWTH_IN_BLOCKS}"),
        Verdict(closed < CLOSED_WITHIN, f"idle streams closed at most {closed * 1000:.1f} ms after their client left"),
        Verdict(findings.unclosed == 0, f"streams not closed after their client left: {findings.unclosed}"),
        Verdict(findings.dropped == 0, f"idle streams ended while their client stayed: {findings.dropped}"),
        Verdict(quantile(findings.health, 0.99) < HEALTH_P99, f"/health: {quantiles(findings.health)}"),
        Verdict(not findings.surprises, f"clients that observed a fault: {len(findings.surprises)}"),
        Verdict(not after.complaints, f"warnings of asyncio and of Python: {len(after.complaints)}"),
        Verdict(
            findings.exit_status == EXIT_STATUS and findings.exit_seconds < EXIT_SECONDS,
            f"with streams open, SIGTERM ended it in {findings.exit_seconds:.2f} s, status {findings.exit_status}",
        ),
    ]


def difference(thing: str, findings: Findings) -> int:
    """Returns how many more there are at the end than after the warm-up."""
    return int(getattr(findings.after, thing)) - int(getattr(findings.before, thing))


def of_endings(findings: Findings) -> Iterator[Verdict]:
    """Yields verdicts on the endings: every stream ended once, for a reason that its client caused."""
    endings = findings.after.endings
    ended = sum(endings.values())
    yield Verdict(ended == findings.streams, f"streams that ended: {ended} of {findings.streams}")
    may_be = {"watched disconnected", "room disconnected"} | {
        f"{manner.kind} {reason}" for crowd in findings.asked for manner in crowd for reason in manner.reasons
    }
    strange = sorted(endings.keys() - may_be)
    yield Verdict(not strange, f"endings for a wrong reason: {', '.join(strange) or 'none'}")
    stalled, never_read = endings.get("endless stalled", 0), findings.asked_in_this_manner(NEVER_READS)
    yield Verdict(stalled == never_read, f"clients that never read and were dropped: {stalled} of {never_read}")
