"""What a user's endpoint class declares."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from jero.errors import HTTPError
from jero.policy import StreamPolicy

OPERATIONS: Final = ("get", "post", "put", "patch", "delete")


class Endpoint:
    """The base of endpoints: a class a path, its operations the methods `get`, `post`, `put`, `patch`, `delete`.

        class MoviesEndpoint(Endpoint, path="/movies/{movie_id}"): ...

    What an endpoint needs comes through its constructor; it may be a dataclass. One instance serves all requests.

    `errors`: the `HTTPError`s that its operations raise. `max_body_bytes`: a larger body is refused with 413.
    `stream_policy`: in place of the application's. `async def on_stream_error(self, error)`, where defined, turns
    an exception in mid-stream into one last item for the client, or into `None` for no item.
    """

    path: ClassVar[str | None] = None
    errors: ClassVar[Sequence[type[HTTPError]]] = ()
    max_body_bytes: ClassVar[int] = 1_048_576
    stream_policy: ClassVar[StreamPolicy | None] = None

    def __init_subclass__(cls, *, path: str | None = None, **options: object) -> None:
        super().__init_subclass__(**options)
        if path is not None:  # a dataclass with slots is made a second time, without the keyword
            cls.path = path


def operations(endpoint: Endpoint) -> dict[str, Callable[..., Any]]:
    """The bound handlers of an endpoint, by operation, in the order of `OPERATIONS`."""
    found = {name: inspect.getattr_static(endpoint, name, None) for name in OPERATIONS}
    return {name: getattr(endpoint, name) for name, member in found.items() if callable(member)}
