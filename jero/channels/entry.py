"""Reads the entries of a Redis stream: checks each one once, since any program may have added it."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Raw
from msgspec.json import Decoder

from jero.annotations import EventForm, event_form, holds_custom
from jero.channels.event import GAP, Payload
from jero.codec import DEFAULT_ENCODER, json_decoder
from jero.framing.event import ServerSentEvent

# The first field of jero's own entries: the id of the entry before it. Their JSON is made of a value of the channel's
# type, so it is not decoded.
AFTER: Final = b"jero-after"

_ANY_JSON: Final[Decoder[Any]] = json_decoder(Raw)
_TEXT: Final[Decoder[str]] = json_decoder(str)


class NotAnEvent(ValueError):
    """An entry is not an event of the channel. The message says why, without text of the entry."""


class EntryReader:
    """Reads entries as events of one channel.

    Several channels of one name may have several types. An entry fits if it fits one of them.
    """

    def __init__(self) -> None:
        self._types: list[Any] = []
        self._decoders: list[tuple[Decoder[Any], EventForm]] = []

    def accept(self, type_: Any) -> None:
        """Accepts entries of this type, too. If msgspec cannot decode it without a hook, accepts any JSON."""
        if type_ not in self._types:
            self._types.append(type_)
            form = event_form(type_)
            is_unknown = form != "text" and holds_custom(type_)
            self._decoders.append((_ANY_JSON if is_unknown else json_decoder(type_), form))

    def read(self, fields: Sequence[bytes]) -> Payload:
        """Returns the payload of an entry, which lists its fields and values in turn. May raise `NotAnEvent`.

        An entry of another program gets the form that publishing gives its value: a channel of text sends no JSON.
        """
        names = fields[::2]
        values = dict(zip(names, fields[1::2], strict=False))
        if len(values) < len(names):
            raise NotAnEvent("it has a field twice")
        event = _event_type(values[b"event"]) if b"event" in values else None
        text, data = values.get(b"text"), values.get(b"data")
        if (text is None) == (data is None):
            raise NotAnEvent("it needs either a field data or a field text")
        json = _checked_json(data) if data is not None else _json_of_text(text or b"")
        form: EventForm = "text" if data is None else "json"
        if names[:1] != [AFTER]:
            form = self._form_of(json, form)
        if form == "text":
            return Payload(text if text is not None else _TEXT.decode(json).encode(), is_text=True, event=event)
        return Payload(json, event=event)

    def _form_of(self, json: bytes, form: EventForm) -> EventForm:
        """Returns the form of the first type that the JSON fits, or `form` if values of that type may have any."""
        if not self._decoders:
            return form
        found = next((found for decoder, found in self._decoders if _decodes(decoder, json)), None)
        if found is None:
            raise NotAnEvent("its data does not fit the type of the channel")
        return found if found in ("text", "json") else form


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
