"""Refuses values that were chosen to have the same hash, before they fill a set or a dict.

Python hashes text with a random key, but a number by its remainder, and a UUID by its number. So a client can send many
different numbers with one hash, and each that is added to a set or a dict is compared with all before it: the UUIDs of
a body of 1 MiB took half a minute. Other types need no check, and have none.
"""

import sys
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from msgspec.json import Decoder

from jero.annotations import hashes_numbers

# Honest values share a hash by chance only: two among ten billion.
MOST_OF_ONE_HASH: Final = 100
# A smaller body costs milliseconds, whatever its values.
HARMLESS_BYTES: Final = 8_192
_PRIME: Final = sys.hash_info.modulus
# A shorter text is one of too few to find many that share a hash.
_SHORTEST_TEXT: Final = 18
_UUID_LENGTHS: Final = (32, 36)
_PLAIN: Final = Decoder(float_hook=Decimal)  # a float would lose the digits that a Decimal hashes


class SameHashError(ValueError):
    """More than `MOST_OF_ONE_HASH` different values have the same hash."""


def hash_check(type_: Any) -> Callable[[bytes], None] | None:
    """Returns a function that checks JSON before it is decoded as `type_`, or `None` if the type needs no check.

    It raises as `check_hashes` does, and as a decoder does if the data is not JSON.
    """
    return _check_json if hashes_numbers(type_) else None


def _check_json(data: bytes) -> None:
    if len(data) > HARMLESS_BYTES:
        check_hashes(_PLAIN.decode(data))


def check_hashes(data: object) -> None:
    """Raises `SameHashError` if more than `MOST_OF_ONE_HASH` different values in `data` have the same hash.

    `data`: JSON values as Python's own, or the texts of a request by their names.
    """
    by_hash: defaultdict[int, set[str]] = defaultdict(set)
    waiting: list[Any] = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(cast("dict[str, Any]", value))
            waiting.extend(cast("dict[str, Any]", value).values())
        elif isinstance(value, list):
            waiting.extend(cast("list[Any]", value))
        else:
            found = _hash_of(value)
            if found is not None:
                same = by_hash[found]
                same.add(str(value))
                if len(same) > MOST_OF_ONE_HASH:
                    raise SameHashError(f"More than {MOST_OF_ONE_HASH} different values have the same hash")


def _hash_of(value: Any) -> int | None:
    """Returns the hash of the number that a value is or spells, or `None` if a client cannot choose it."""
    if isinstance(value, int):
        return None if -_PRIME < value < _PRIME else hash(value)
    if isinstance(value, str) and len(value) < _SHORTEST_TEXT:
        return None
    try:
        return hash(UUID(value)) if isinstance(value, str) and len(value) in _UUID_LENGTHS else _hash_of_decimal(value)
    except ValueError:
        return _hash_of_decimal(value)


def _hash_of_decimal(value: Any) -> int | None:
    try:
        return hash(Decimal(value))
    except (ArithmeticError, TypeError, ValueError):  # not a number, or a signalling NaN, which has no hash
        return None
