"""Chooses a media type by the request's `Accept` header (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from mimeparse import parse_media_range, quality_and_fitness_parsed

from jero.errors import Fault, MalformedRequest, NotAcceptable
from jero.http.asgi import Scope
from jero.http.headers import TOKEN

_ZERO_WEIGHT: Final = re.compile(r"q=0(\.0*)?")
# A comma in a quoted parameter does not separate media ranges.
_MEDIA_RANGE: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
# In bytes, more than any client sends: the time to read the header grows with its length.
LONGEST_ACCEPT: Final = 1024
_CACHED_CHOICES: Final = 64

_MediaRange: TypeAlias = tuple[str, str, dict[str, str]]


def is_named(accept: bytes | None, media_type: str) -> bool:
    """Returns whether `accept` lists `media_type` by name as acceptable. A wildcard does not count."""
    if accept is None:
        return False
    for media_range in accept.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        if name == media_type:
            return not any(_ZERO_WEIGHT.fullmatch(parameter) for parameter in parameters)
    return False


def accept_header(scope: Scope) -> bytes:
    """Returns the request's `Accept`. Several header lines become one list; without any, it is empty."""
    return b",".join([value for name, value in scope["headers"] if name == b"accept"])


class Negotiation:
    """Chooses among media types.

    `offered`: the media types, the preferred one first. A refusal lists them.
    `also`: further names that clients may use.

    If a client accepts several equally, the first is chosen.
    """

    def __init__(self, offered: Sequence[str], also: Sequence[str] = ()) -> None:
        self._offered = tuple(offered)
        self._names = (*offered, *also)
        self._choose = lru_cache(_CACHED_CHOICES)(self._decide)

    def choose(self, accept: bytes) -> str:
        """Returns the media type to answer with. Without an `Accept`, it is the first.

        Raises `NotAcceptable` if the client accepts none of the media types, and `MalformedRequest` if `accept` is
        not a list of media ranges.
        """
        if not accept:
            return self._offered[0]
        if len(accept) > LONGEST_ACCEPT:
            raise _malformed(f"It is longer than {LONGEST_ACCEPT} bytes.")
        return self._choose(accept)

    def _decide(self, accept: bytes) -> str:
        ranges = list(self._ranges(accept.decode("latin-1").lower()))
        if not ranges:
            return self._offered[0]
        ranked = [(*quality_and_fitness_parsed(name, ranges), name) for name in self._names]
        quality, _, best = max(ranked, key=lambda rank: rank[:2])  # the first of equals
        if quality > 0:
            return best
        offered = ", ".join(self._offered)
        raise NotAcceptable(
            f"Offered are {offered}.",
            headers={"Vary": "Accept"},
            errors=[Fault(("headers", "accept"), f"Accepts none of {offered}")],
        )

    def _ranges(self, accept: str) -> Iterator[_MediaRange]:
        for text in _MEDIA_RANGE.findall(accept):
            if not text.strip():
                continue
            try:
                main, sub, parameters = parse_media_range(text)
            except ValueError as error:
                raise _malformed(f"{text.strip()!r} is not a media range.") from error
            if not (TOKEN.fullmatch(main) and TOKEN.fullmatch(sub)) or (main == "*" and sub != "*"):
                raise _malformed(f"{text.strip()!r} is not a media range.")
            yield main, sub, parameters


def _malformed(found: str) -> MalformedRequest:
    return MalformedRequest(
        f"The Accept header is not a list of media ranges. {found}",
        errors=[Fault(("headers", "accept"), found.removesuffix("."))],
    )
