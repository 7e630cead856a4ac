"""Provides msgspec's JSON encoder, if an application has none of its own, and decoders by type."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.json import Decoder, Encoder

DEFAULT_ENCODER = Encoder()


def json_decoder(type_: Any) -> Decoder[Any]:
    """Returns a decoder of `type_`. Make it once, at startup: making one walks the whole type."""
    return Decoder(type_, dec_hook=_made_of_text)


def from_text(text: str | bytes, type_: Any) -> Any:
    """Returns the text or the bytes as a value of `type_`. Raises `msgspec.ValidationError` if it does not fit."""
    return msgspec.convert(text, type_, dec_hook=_made_of_text)


def _made_of_text(cls: Any, value: Any) -> Any:
    """Makes a subclass of `str` of text, and one of `bytes` of bytes. msgspec refuses all else that is not a `cls`."""
    make: Callable[[Any], Any] = cls
    bases = (str,) if isinstance(value, str) else (bytes, bytearray) if isinstance(value, bytes) else ()
    return make(value) if issubclass(cls, bases) else value
