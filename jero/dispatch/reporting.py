"""Reports the streams of a mounted application to the one that it is mounted in, too."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from msgspec.structs import replace

from jero.dispatch.stream import StreamDefaults

R = TypeVar("R")
Hook: TypeAlias = Callable[[R], Awaitable[None]]


def reporting(own: StreamDefaults, outer: StreamDefaults) -> StreamDefaults:
    """Returns the settings of an application with the hooks of the `outer` one, each called after its own."""
    on_start = own.on_start or outer.on_start
    if own.on_start is not None and outer.on_start is not None:
        on_start = _both(own.on_start, outer.on_start)
    return replace(own, on_end=_both(own.on_end, outer.on_end), on_start=on_start)


def _both(own: Hook[R], outer: Hook[R]) -> Hook[R]:
    async def call(report: R) -> None:
        try:
            await own(report)
        finally:  # each of the two counts streams, whatever the other one raises
            await outer(report)

    return call
