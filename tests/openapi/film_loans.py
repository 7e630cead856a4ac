"""Classes of the archive's lending desk. Some of them have the names of other classes of the archive."""

from datetime import date
from enum import Enum
from typing import Annotated

from msgspec import Meta, Struct


class Film(Struct):
    """A film as the lending desk knows it."""

    barcode: Annotated[str, Meta(pattern="^[0-9]{4}$")]
    due: date | None = None


class Reader(Struct):
    class Kind(Enum):
        """How long a reader may keep a film."""

        PUPIL = "pupil"
        TEACHER = "teacher"

    class Address(Struct):
        street: str

    name: Annotated[str, Meta(min_length=1)]
    kind: Kind = Kind.PUPIL
    address: Address | None = None
