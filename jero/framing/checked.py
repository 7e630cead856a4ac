"""A format that refuses what its reader could not take for the declared type: for development."""

from collections.abc import Callable
from typing import Any, cast

import msgspec
from msgspec import UNSET
from msgspec.json import Encoder

from jero.errors import Problem
from jero.framing.event import Notice, ServerSentEvent, data_alone
from jero.framing.framing import Framing


def checked(framing: Framing, decode: Callable[[bytes], Any]) -> Framing:
    """The same format; before an item is framed its JSON is read by `decode`, and what that raises fails the stream.

    Of an event its data is read, unless it tells of the stream itself: a notice, or the problem of a failure.
    """

    def encode(item: Any, buffer: bytearray, encoder: Encoder) -> None:
        data = data_alone(item)
        if data is not UNSET and not _tells_of_stream(item):
            try:
                decode(encoder.encode(data))
            except (ValueError, RecursionError) as error:
                error.add_note(f"validate_items: the stream yielded {type(item).__name__}, which does not fit")
                raise
        framing.encode(item, buffer, encoder)

    return msgspec.structs.replace(framing, encode=encode, around_json=None)


def _tells_of_stream(item: Any) -> bool:
    return isinstance(item, ServerSentEvent) and isinstance(cast("ServerSentEvent[Any]", item).data, Problem | Notice)
