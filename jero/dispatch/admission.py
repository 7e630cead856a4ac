"""Admits streams: counts the places and threads that a policy has, and refuses a stream if there is none left.

A place belongs to a stream from before its handler is called until the stream is over. If its source runs in a thread,
the place also waits for the end of that thread, which may come later: a source that blocks cannot be stopped.
"""

import random
from collections.abc import Hashable
from types import TracebackType
from typing import Any, Final, Self, cast

from jero.codec import DEFAULT_ENCODER
from jero.errors import HTTPError, ServiceUnavailable, TooManyRequests
from jero.http.asgi import Scope
from jero.policy import StreamPolicy
from jero.streaming.serve import OpenStreams

# Seconds in `Retry-After`, drawn for each refused client, so that a crowd does not return at once.
RETRY_AFTER: Final = (1, 5)


class Admission:
    """Counts the streams of one policy."""

    def __init__(self, policy: StreamPolicy, streams: OpenStreams) -> None:
        self._max_concurrent = policy.max_concurrent
        self._max_per_caller = policy.max_per_caller
        self._max_threads = policy.max_threads
        self._streams = streams
        self._open = 0
        self._threads = 0
        self._callers: dict[Hashable, int] = {}

    def admit(self, user: Any, scope: Scope) -> "Place":
        """Returns a place, to be used as a context manager.

        Raises `ServiceUnavailable` if the server is shutting down, or if `max_concurrent` streams are open, and
        `TooManyRequests` if `max_per_caller` of them are the caller's: those of the same `user`, or, without a user,
        from the same address. Each has a `Retry-After`.
        """
        if self._streams.is_draining:
            raise _refusal(ServiceUnavailable, "The server is shutting down.")
        if self._max_concurrent is not None and self._open >= self._max_concurrent:
            raise _refusal(ServiceUnavailable, "Too many open streams.")
        caller: Hashable = None
        if self._max_per_caller is not None:
            caller = _caller(user, scope)
            if self._callers.get(caller, 0) >= self._max_per_caller:
                raise _refusal(TooManyRequests, "Too many open streams of one caller.")
            self._callers[caller] = self._callers.get(caller, 0) + 1
        self._open += 1
        return Place(self, caller)

    def begin_thread(self) -> None:
        """Counts a thread. Raises `ServiceUnavailable` if `max_threads` are running."""
        if self._max_threads is not None and self._threads >= self._max_threads:
            raise _refusal(ServiceUnavailable, "Too many streams run in threads.")
        self._threads += 1

    def end_thread(self) -> None:
        """Counts a thread less."""
        self._threads -= 1

    def give_back(self, caller: Hashable) -> None:
        """Takes a place back."""
        self._open -= 1
        if self._max_per_caller is not None:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]


class Place:
    """The place of one stream. It is given back when the stream, and the thread that it may have, have ended."""

    __slots__ = ("_admission", "_caller", "_holders")

    def __init__(self, admission: Admission, caller: Hashable) -> None:
        self._admission = admission
        self._caller = caller
        self._holders = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._release()

    def begin_thread(self) -> None:
        """Keeps the place for a thread as well. Raises `ServiceUnavailable` if too many threads are running."""
        self._admission.begin_thread()
        self._holders += 1

    def end_thread(self) -> None:
        """Notes that the thread has ended, or was never started."""
        self._admission.end_thread()
        self._release()

    def _release(self) -> None:
        self._holders -= 1
        if not self._holders:
            self._admission.give_back(self._caller)


def _caller(user: Any, scope: Scope) -> Hashable:
    """Returns what the streams of one caller have in common."""
    if user is None:
        client = scope.get("client")
        return None if client is None else str(client[0])
    try:
        hash(user)
    except TypeError:  # a Struct that is not frozen, for example
        return DEFAULT_ENCODER.encode(user) if hasattr(user, "__struct_fields__") else repr(user)
    return cast("Hashable", user)


def _refusal(error: type[HTTPError], detail: str) -> HTTPError:
    seconds = random.randint(*RETRY_AFTER)  # noqa: S311 - it spreads a crowd, and is not a secret
    return error(detail, headers={"Retry-After": str(seconds)})
