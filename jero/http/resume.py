"""The header that a client comes back with (WHATWG HTML, section 9.2.4)."""

from msgspec import Struct


class ResumeHeaders(Struct, frozen=True):
    """For a handler's `headers` parameter: `Last-Event-ID`, the id of the last event that the client received."""

    last_event_id: str | None = None
