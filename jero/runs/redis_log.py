"""The log of a run on Redis: its ids are counted, so whatever is missing is known, and ends the run as lost."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from jero.channels.event import Event, Offset, make_event
from jero.channels.kind import Kind
from jero.channels.log import Replay
from jero.channels.redis_access import RedisAccess
from jero.channels.redis_log import RedisLog
from jero.channels.ring import Batch, Turn
from jero.channels.stream import BEGINNING, Snapshot
from jero.runs.end import END, EndBatch
from jero.runs.register import LOST

# Theory of operation
# -------------------
#
# The stream of a run has the ids 0-1, 0-2, ... It exists from the beginning of the run, without an entry, until some
# time after its end, and nothing is ever dropped from it. Its ids have no times, so nothing is read by its age: a
# follower begins after the number that it has.
#
# Entries that are missing were lost by Redis, and with them the run. So it ends as "lost" where a channel has a gap.
#
# A Redis that was restarted or replaced may have fewer entries than the ring. If their writer has no answer for them
# yet, it adds them again. If it had its answer, it finds them missing with the next one, and ends the run as lost. If
# it is dead, its lease is over soon. So the log waits.

_ID: Final = re.compile(r"0-(0|[1-9][0-9]{0,18})", re.ASCII)


class RunLog(RedisLog):
    """The log of a run. `on_followed` is called with it when its first subscriber comes."""

    __slots__ = ("_on_followed",)

    def __init__(
        self,
        access: RedisAccess,
        key: str,
        kind: Kind,
        name: str,
        turn: Turn,
        on_followed: Callable[["RunLog"], None],
    ) -> None:
        super().__init__(access, key, name, kind.options, turn, kind.entries)
        self._on_followed = on_followed

    def join(self) -> None:
        super().join()
        if self.counters.subscribers == 1:
            self._on_followed(self)

    def offset_of(self, event_id: str) -> Offset | None:
        match = _ID.fullmatch(event_id)
        if match is None:
            raise ValueError("it is malformed")
        return 0, int(match[1])

    def earliest_offset(self) -> Offset:
        return BEGINNING

    def offset_at(self, moment: float) -> Offset:
        return BEGINNING  # its ids have no times

    def add(self, event: Event) -> None:
        """Adds the newest event. Ends the log if it is the end of the run."""
        if self.ring.end is not None:
            return
        if event.type == END:
            self.finish(EndBatch(event))
        else:
            super().add(event)

    def ingest(self, events: Iterable[Event]) -> None:
        for event in events:
            self.add(event)

    def lose(self) -> None:
        """Ends the log with the end "lost", because Redis has lost the run. Does nothing if it has an end."""
        if self.ring.end is None:
            self.finish(_lost_at(self, (0, self.ring.high_watermark[1] + 1)))

    def catch_up(self) -> None:
        """Reads what is new in the stream."""
        self._read_again()

    def skip_to(self, gap_end: Offset) -> None:
        self.lose()

    def make_gap(self, after: str, gap_end: Offset) -> Batch:
        """Returns the end "lost" for a subscriber that has missed something. It ends after that, as all do."""
        self.lose()
        return _lost_at(self, self.ring.high_watermark)

    def take(self, snapshot: Snapshot) -> None:
        self.is_doubtful = False
        newest = self.ring.high_watermark
        if not (self.is_ready or snapshot.exists or self.is_closed or self.is_gone):
            self._is_reading = False
            self.lose()
            self.mark_ready()
        elif self.is_ready and snapshot.exists and snapshot.last < newest:
            super().take(replace(snapshot, last=newest, entries=()))
        else:
            super().take(snapshot)

    async def replay(self, offset: Offset) -> Replay:
        replay = await super().replay(offset)
        if replay.gap_end is not None and replay.gap_end >= offset:
            return replay
        events = [event for event in replay.events if event.type != END]
        if events or (replay.gap_end is None and not replay.events):
            return Replay(replay.offset, events)
        # The end comes from the ring, and so does what the writer adds again.
        if self.ring.end is not None and self.ring.sequence_at(offset) is None:
            return Replay(offset, gap_end=offset)
        if self.ring.end is None and not self.is_closed:
            await self.changed.wait()
        return Replay(offset)

    async def _replay_nothing(self, offset: Offset, snapshot: Snapshot) -> Replay:
        return Replay(offset, gap_end=offset)


def _lost_at(log: RunLog, offset: Offset) -> EndBatch:
    return EndBatch(make_event(LOST, offset, log.id_of(offset)))
