"""What is to be streamed, as data."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.json import Encoder

from jero.framing.framing import Framing
from jero.policy import EndReason, StreamOutcome, StreamPolicy
from jero.streaming.one_line import OneLine


class StreamPlan(Struct, frozen=True, kw_only=True):
    """All that the engine needs to know of a stream.

    `status`, `headers`: of the response. `first_item_grace`, `keepalive`: seconds.
    `ping`: the bytes of a ping, or what makes them. `farewell`: the last bytes for a client that comes back by
    itself, by the reason for which the stream was cut short; `None` where clients do not. `one_line`: which items are
    known to be JSON on one line. `expires_at`: when the credential that it was opened with runs out, in Unix seconds;
    `None`: never. `on_end`: is given the outcome. `name`: its task's. `endpoint`, `method`: for the outcome.
    """

    stream: Any
    framing: Framing
    encoder: Encoder
    policy: StreamPolicy
    status: int
    headers: Sequence[tuple[bytes, bytes]]
    first_item_grace: float
    keepalive: float | None
    ping: Callable[[], bytes] | bytes | None
    farewell: Callable[[EndReason], bytes] | None
    one_line: OneLine | None
    on_end: Callable[[StreamOutcome], Awaitable[None]]
    name: str
    endpoint: str
    method: str
    expires_at: float | None = None

    async def last_item(self, error: Exception) -> Any:
        """What the client is to be told of an error, or `None`."""
        return None

    def drop(self) -> bool:
        """Ends the connection of a client that takes nothing; says whether it could."""
        return False
