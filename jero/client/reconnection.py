"""When a client comes back to an event stream: data, and the arithmetic of waiting."""

from typing import Final

from msgspec import Struct

_LEAST_BACKOFF: Final = 0.1
_MOST_DOUBLINGS: Final = 32


class Reconnection(Struct, frozen=True, kw_only=True):
    """How long a client waits before it connects again, and how often it tries.

    `delay`: seconds to wait where the stream has set no `retry`.
    `longest_delay`: seconds that the delay, doubled with each failed attempt after the first, grows to. A `retry` or a
    `Retry-After` that is longer counts all the same.
    `jitter`: the part of the delay that is added at most, by chance, so that a crowd does not come back together.
    `attempts`: after so many failed attempts in a row the last error is raised; `None`: never. An attempt that
    received a byte has not failed, nor has one whose stream the server ended properly.

    Raises `ValueError` for a time or a part that is negative, and for less than 1 attempt.
    """

    delay: float = 1.0
    longest_delay: float = 30.0
    jitter: float = 0.5
    attempts: int | None = 10

    def __post_init__(self) -> None:
        for field in ("delay", "longest_delay", "jitter"):
            value = getattr(self, field)
            if not value >= 0:
                raise ValueError(f"Reconnection({field}={value!r}): it is no negative number.")
        if self.attempts is not None and self.attempts < 1:
            raise ValueError(f"Reconnection(attempts={self.attempts!r}): at least 1 attempt, or None.")

    def seconds(self, failures: int, *, retry: int | None, retry_after: float | None, chance: float) -> float:
        """How long to wait after so many failed attempts in a row.

        `retry`: what the stream has set, in milliseconds. `retry_after`: what the last response asked for, in seconds.
        `chance`: from 0 to 1, how much of the jitter is added. It is never less than the reconnection time of
        WHATWG HTML, section 9.2.3, which allows to wait longer.
        """
        seconds = self.delay if retry is None else retry / 1000
        if failures > 0:
            doubled = max(seconds, _LEAST_BACKOFF) * 2 ** min(failures - 1, _MOST_DOUBLINGS)
            seconds = max(seconds, min(doubled, self.longest_delay))
        return max(seconds, retry_after or 0) * (1 + self.jitter * chance)


DEFAULT_RECONNECTION: Final = Reconnection()
