"""Reads the entries of a Redis stream: checks each one once, since any program may have added it."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Raw
from msgspec.json import Decoder

from jero.annotations import holds_custom
from jero.channels.event import GAP, Payload
from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.framing.event import ServerSentEvent

# jero adds this field to its own entries. Their JSON is made of a value of the channel's type, so it is not decoded.
OWN: Final = ("jero", "1")

_OWN: Final = tuple(part.encode() for part in OWN)
_ANY_JSON: Final[Decoder[Any]] = json_decoder(Raw)


class NotAnEvent(ValueError):
    """An entry is not an event of the channel. The message says why, without text of the entry."""


class EntryReader:
    """Reads entries as events of one channel.

    Several channels of one name may have several types. An entry fits if it fits one of them.
    """

    def __init__(self) -> None:
        self._types: list[Any] = []
        self._decoders: list[Decoder[Any]] = []

    def accept(self, type_: Any) -> None:
        """Accepts entries of this type, too. If msgspec cannot decode it without a hook, accepts any JSON."""
        if type_ not in self._types:
            self._types.append(type_)
            self._decoders.append(_ANY_JSON if holds_custom(type_) else json_decoder(type_))

    def read(self, fields: Sequence[bytes]) -> Payload:
        """Returns the payload of an entry, which lists its fields and values in turn. May raise `NotAnEvent`."""
        names = fields[::2]
        values = dict(zip(names, fields[1::2], strict=False))
        if len(values) < len(names):
            raise NotAnEvent("it has a field twice")
        event = _event_type(values[b"event"]) if b"event" in values else None
        text, data = values.get(b"text"), values.get(b"data")
        if (text is None) == (data is None):
            raise NotAnEvent("it needs either a field data or a field text")
        json = _checked_json(data) if data is not None else _json_of_text(text or b"")
        if values.get(_OWN[0]) != _OWN[1] and not self._fits(json):
            raise NotAnEvent("its data does not fit the type of the channel")
        return Payload(text or b"", is_text=True, event=event) if data is None else Payload(data, event=event)

    def _fits(self, json: bytes) -> bool:
        return not self._decoders or any(_decodes(decoder, json) for decoder in self._decoders)


def _decodes(decoder: Decoder[Any], json: bytes) -> bool:
    try:
        decoder.decode(json)
    except Exception:  # a class of the application may raise any error when it is made
        return False
    return True


def _event_type(value: bytes) -> str:
    try:
        event = value.decode()
        ServerSentEvent(event=event)  # raises if the type would break its line
    except ValueError:
        raise NotAnEvent("its event is not UTF-8, or contains CR, LF or NUL") from None
    if event == GAP:
        raise NotAnEvent("its event is gap, which the channel reserves")
    return event


def _checked_json(data: bytes) -> bytes:
    """Returns the data. Raises `NotAnEvent` if it is not JSON in UTF-8."""
    try:
        data.decode()
        _ANY_JSON.decode(data)
    except (ValueError, RecursionError):
        raise NotAnEvent("its data is not JSON") from None
    return data


def _json_of_text(text: bytes) -> bytes:
    """Returns the text as JSON. Raises `NotAnEvent` if it is not UTF-8."""
    try:
        return DEFAULT_ENCODER.encode(text.decode())
    except ValueError:
        raise NotAnEvent("its text is not UTF-8") from None
