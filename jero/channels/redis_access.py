"""Says what the channels of a store ask of Redis, and what their connections report."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final, Protocol, TypeAlias

from jero.channels.kind import KindOptions
from jero.channels.redis_identity import Identity
from jero.channels.stream import Snapshot

# Lua scripts, which Redis runs in one step, without a command of another client in between.
APPEND: Final = files("jero.channels").joinpath("append.lua").read_text("utf-8")
READ: Final = files("jero.channels").joinpath("read.lua").read_text("utf-8")


# The keys and the arguments of a script.
Call: TypeAlias = tuple[Sequence[str], Sequence[str | bytes | int]]


class MessageFollower(Protocol):
    """Receives the messages about a key."""

    @property
    def key(self) -> str: ...

    def on_subscribed(self, source: Identity) -> None:
        """Takes note that this Redis sends the messages from now on."""
        ...

    def on_handed_over(self, source: Identity, heir: Identity) -> None:
        """Takes note that this Redis has said that the heir sends the messages from now on."""
        ...

    def on_away(self, seconds: float) -> None:
        """Takes note that messages may have been missed for so long."""
        ...

    def on_message(self, message: bytes) -> None:
        """Takes a message."""
        ...


class StreamFollower(MessageFollower, Protocol):
    """Follows the stream of a key by its messages and by snapshots.

    `is_unreadable`: the last read failed. `is_closed`, `is_gone`: it follows nothing any more.
    """

    is_unreadable: bool

    @property
    def is_closed(self) -> bool: ...

    @property
    def is_gone(self) -> bool: ...

    def read_arguments(self, max_bytes: int) -> list[str | int]:
        """Returns the arguments of the script `READ` for the next snapshot, which has about `max_bytes` at most."""
        ...

    def take(self, snapshot: Snapshot) -> None:
        """Takes a snapshot of the stream."""
        ...

    def lose_track(self) -> None:
        """Has the next snapshot be a gap, because something could not be taken."""
        ...


class RedisAccess(ABC):
    """The connections that the channels of a store share."""

    @property
    @abstractmethod
    def last_error(self) -> Exception | None:
        """Returns why the last attempt that failed to run a script failed."""

    @abstractmethod
    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Returns the result of a script. Waits as long as Redis does not answer."""

    @abstractmethod
    async def append(self, key: str, options: KindOptions, content: Sequence[str | bytes]) -> bytes:
        """Stores an event once, and publishes it. Returns its id. Waits as long as Redis does not answer.

        `content`: "data" or "text", the data, and the event's type if it has one.
        """

    @abstractmethod
    def listen(self, log: MessageFollower) -> None:
        """Has the log receive its messages, soon, and told so then and after each lost connection."""

    @abstractmethod
    def ignore(self, log: MessageFollower) -> None:
        """Has the log receive no messages any more."""

    @abstractmethod
    def read_soon(self, log: StreamFollower) -> None:
        """Has the log take a snapshot of its stream."""
