"""Provides msgspec's JSON encoder, if an application has none of its own, and decoders by type."""

from typing import Any

from msgspec.json import Decoder, Encoder

DEFAULT_ENCODER = Encoder()


def json_decoder(type_: Any) -> Decoder[Any]:
    """Returns a decoder of `type_`. Make it once, at startup: making one walks the whole type."""
    return Decoder(type_)
