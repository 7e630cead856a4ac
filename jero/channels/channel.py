"""Publishes events of one type under a name, subscribes to them, and counts both."""

from enum import Enum
from hashlib import sha256
from typing import Any, Final, Generic, Literal, Self, TypeAlias, TypeVar, Unpack, cast

from msgspec import Struct
from msgspec.json import Decoder, Encoder
from typing_extensions import TypeForm

from jero.allowed import AllowedValues
from jero.annotations import event_form, expanded, is_struct, name_of, wiring_error
from jero.channels.event import GAP, Payload, encode_payload
from jero.channels.keys import fault_of_name, quoted_name
from jero.channels.kind import Kind, KindOptions
from jero.channels.log import Counters
from jero.channels.ring import HISTORY_BYTES
from jero.channels.store import History, Store, check_store
from jero.channels.subscribers import ChannelSubscription, Place, Subscription
from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.errors import BadRequest
from jero.json_types import check_pydantic
from jero.policy import is_positive
from jero.uncalled import given

T = TypeVar("T")

HISTORY: Final = 1_000


class Earliest(Enum):
    """The place before the oldest event that the store keeps."""

    EARLIEST = "earliest"

    def __repr__(self) -> str:
        return self.name


EARLIEST: Final = Earliest.EARLIEST
"""The place before the oldest event that the store keeps."""

After: TypeAlias = str | Literal[Earliest.EARLIEST] | None
"""Where a subscription begins: after the event with this id, with the oldest kept event, or with the next one."""


class Values(Generic[T]):
    """How values of type `T` become events, and events become values. Channels of one kind share it.

    `of`: the type, without aliases. `publish_timeout`: how many seconds the store has to store an event.
    `owner`: the call that a message of an error names, such as "Channel('notes')".

    Raises `ValueError`, `WiringError` and `TypeError` as `Channel` says.
    """

    __slots__ = ("_allowed", "_encoder", "_form", "_owner", "decoder", "of", "publish_timeout")

    def __init__(self, owner: str, type: TypeForm[T], publish_timeout: float, encoder: Encoder) -> None:
        if not is_positive(publish_timeout):
            raise ValueError(f"{owner}: publish_timeout={publish_timeout!r} is not a positive number of seconds.")
        self.of: Any = expanded(type)
        self._owner = owner
        check_pydantic(self.of, owner)
        self._form = event_form(self.of)
        if self._form == "mixed":
            found = (
                f"the events are {name_of(self.of)}, of which an event stream sends some as text and some as JSON, "
                "so that a client cannot tell them apart"
            )
            raise wiring_error(owner, found, "Use a Struct with a field for each")
        self.publish_timeout = publish_timeout
        self._encoder = encoder
        self.decoder: Decoder[T] = json_decoder(self.of)
        self._allowed = AllowedValues([self.of])

    def payload_of(self, data: T, event: str | None) -> Payload:
        """Returns the bytes of a value. Raises `TypeError` and `ValueError` as `Channel.publish` says."""
        if data.__class__ not in self._allowed.exact and not self._allowed.allows(data):
            raise self._error(data)
        if self._form == "text" and isinstance(data, Enum):
            data = cast("T", str.__str__(cast("Any", data)))
        if event == GAP:
            found = f"{self._owner}: event={event!r} is reserved for the report of missed events"
            raise ValueError(f"{found}. Use another type.")
        return encode_payload(data, event, self._encoder)

    def _error(self, data: Any) -> TypeError:
        """Returns the error for a value of another class than the type allows."""
        wanted = name_of(self.of)
        found, instead = given(data, f"Give {wanted}(...)" if is_struct(self.of) else f"Give a value of {wanted}")
        return TypeError(f"{self._owner}: got {found}, but it is for {wanted}. {instead}.")


class ChannelStatistics(Struct, frozen=True, kw_only=True):
    """A channel as this process sees it at one moment. Counting begins when the channel is opened.

    Channels of the same name in one store share their counters.

    `subscribers`: how many are subscribed now.
    `kept`: how many events are in memory.
    `last_id`: the id of the newest event, or `None` if this process has not seen an event.
    `published`: how many events this process has published.
    `delivered`: how many events were sent to subscribers; an event that goes to ten subscribers counts ten times.
    `gaps`: how many gaps were sent to subscribers.
    """

    subscribers: int
    kept: int
    last_id: str | None
    published: int
    delivered: int
    gaps: int


class Channel(Generic[T]):
    """Sends events of type `T` to any number of subscribers. Make it in `_wire`, in an open store.

    It is for a name that stays as long as the application. For many names that come and go, `Channels` makes channels
    like this one.

    `store`: the open store that keeps the events.
    `name`: 1 to 512 bytes of UTF-8. Channels of the same name in one store have the same events.
    `type`: the type of the data of an event.
    `publish_timeout`: how many seconds the store has to store an event.
    `encoder`: the JSON encoder for the events. An event is encoded once for all formats and subscribers, so encoders of
    the application and of responses are not used.
    `history`: how many events are kept for subscribers that are slow or reconnect (1,000).
    `history_bytes`: how many bytes of them each process keeps in memory, at most (16 MiB). The newest event is kept
    even if it alone has more.

    Raises `ValueError` if `name` is empty or has more than 512 bytes, `history` or `history_bytes` is less than 1, or
    `publish_timeout` is not positive. Raises `WiringError` if the store is not open, if it has a channel of that name
    with another `history` or `history_bytes`, or if `type` is a union of text with another type, such as `str | None`.
    Raises `TypeError` if msgspec cannot represent `type`.
    """

    __slots__ = ("_kind", "_values", "name")

    def __init__(
        self,
        store: Store,
        name: str,
        type: TypeForm[T],
        *,
        publish_timeout: float = 5.0,
        encoder: Encoder = DEFAULT_ENCODER,
        **history: Unpack[History],
    ) -> None:
        fault = fault_of_name(name)
        if fault is not None:
            raise ValueError(
                f"Channel(name={quoted_name(name)}): {fault}. The store needs a name to tell channels apart."
            )
        check_store(f"Channel({name!r})", store)
        values: Values[T] = Values(f"Channel({name!r})", type, publish_timeout, encoder)
        options = KindOptions(history.get("history", HISTORY), history.get("history_bytes", HISTORY_BYTES))
        kind = store.single(name, options)
        kind.accept(values.of)
        kind.log(name)  # a single channel stays open
        self._fill(name, kind, values)

    @classmethod
    def of_kind(cls, name: str, kind: Kind, values: Values[T]) -> Self:
        """Returns the channel `name` of a kind. For `Channels`."""
        channel = cls.__new__(cls)
        channel._fill(name, kind, values)  # noqa: SLF001 - a new instance of this class
        return channel

    def _fill(self, name: str, kind: Kind, values: Values[T]) -> None:
        self.name, self._kind, self._values = name, kind, values

    async def publish(self, data: T, *, event: str | None = None) -> str:
        """Sends an event to every subscriber. Returns the event's id when the store has stored it.

        `data` is encoded before the first `await`, so you may change it afterwards: `str` as text, other types as
        JSON. `event` is the event's type.

        Raises `ChannelUnavailable` if the store does not confirm the event within `publish_timeout`. The store may
        still store it later, once. Raises `TypeError` for data of another class than the channel's type, for bytes, and
        for types without a JSON form. Raises `ValueError` if `event` contains CR, LF or NUL, or is "gap".
        """
        payload = self._values.payload_of(data, event)
        kind = self._kind
        log = kind.logs.get(self.name) or kind.log(self.name)
        event_id = await log.append(payload, self._values.publish_timeout)
        log.counters.published += 1
        return event_id

    def subscribe(self, *, after: After = None) -> Subscription[T]:
        """Returns the events after the one with the id `after`.

        If `after` is `None` or empty, the subscription begins with the next event; if it is `EARLIEST`, with the oldest
        event that the store keeps. Raises `BadRequest` if `after` cannot be an event id of this channel.
        """
        return self.subscription(after)

    def subscription(self, after: After) -> ChannelSubscription[T]:
        """Returns what `subscribe` returns, as what it is."""
        try:
            place = self._place_at(after)
        except ValueError as error:
            raise BadRequest(f"Last-Event-ID is not an event id of this channel: {error}.") from None
        return ChannelSubscription(place, self._values.decoder)

    @property
    def digest(self) -> str:
        """Returns a short hash of its kind and name, which tells it from other channels."""
        kind = "" if self._kind.name is None else f"{self._kind.name}\0"
        return sha256(f"{kind}\0{self.name}".encode()).hexdigest()[:12]

    def _place_at(self, after: After) -> Place:
        """Returns the place where a subscription begins. Raises `ValueError` if `after` cannot be an event id."""
        log = self._kind.log(self.name)
        if after is EARLIEST:
            log.listen()
            return Place(self._kind, log, offset=log.earliest_offset())
        if not after:
            log.listen()
            return Place(self._kind, log, offset=log.newest_offset() if log.is_ready else None)
        offset = log.offset_of(after)
        log.listen(offset)
        return Place(self._kind, log, offset=offset, unknown_id=after if offset is None else None)

    def statistics(self) -> ChannelStatistics:
        """Returns what this process has counted so far."""
        log = self._kind.logs.get(self.name)
        counters = Counters() if log is None else log.counters
        return ChannelStatistics(
            subscribers=counters.subscribers,
            kept=0 if log is None else len(log.ring),
            last_id=None if log is None else log.last_id(),
            published=counters.published,
            delivered=counters.delivered,
            gaps=counters.gaps,
        )
