"""JSON, by msgspec: the encoder that an application uses when it names none, and decoders by type."""

from typing import Any

from msgspec.json import Decoder, Encoder

DEFAULT_ENCODER = Encoder()


def json_decoder(type_: Any) -> Decoder[Any]:
    """A decoder of `type_`; building one walks the type, so it is done at startup and kept."""
    return Decoder(type_)
