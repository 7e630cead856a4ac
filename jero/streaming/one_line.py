"""Items that are known to be JSON on one line, whatever they hold."""

from msgspec import Struct
from msgspec.json import Encoder


class OneLine(Struct, frozen=True):
    """Their exact types, the encoder that writes them, and what the format puts before and after one."""

    types: frozenset[type]
    encoder: Encoder
    before: bytes
    after: bytes

    def known(self, item: object) -> type | None:
        """The item's type, where it is one of them."""
        return type(item) if type(item) in self.types else None
