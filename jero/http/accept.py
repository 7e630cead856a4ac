"""What a client's `Accept` header (RFC 9110, section 12.5.1) asks for."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from mimeparse import parse_media_range, quality_and_fitness_parsed

from jero.errors import Fault, MalformedRequest, NotAcceptable
from jero.http.asgi import Scope

_NO_WEIGHT = re.compile(r"q=0(\.0*)?")
# A comma in a quoted parameter separates nothing.
_MEDIA_RANGE = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
# Longer than any client's; the time that reading it takes grows with it.
LONGEST_ACCEPT: Final = 1024
_KEPT_ANSWERS: Final = 64

_MediaRange: TypeAlias = tuple[str, str, dict[str, str]]


def is_named(accept: bytes | None, media_type: str) -> bool:
    """Whether `media_type` itself, and not only a wildcard over it, is listed as acceptable."""
    if accept is None:
        return False
    for media_range in accept.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        if name == media_type:
            return not any(_NO_WEIGHT.fullmatch(parameter) for parameter in parameters)
    return False


def accept_header(scope: Scope) -> bytes:
    """The request's `Accept`, of several lines one list; empty where there is none."""
    return b",".join([value for name, value in scope["headers"] if name == b"accept"])


class Negotiation:
    """Chooses among media types. `offered`: those that a refusal lists; `also`: further names that are understood.

    If a client accepts several equally, the first of them is preferred.
    """

    def __init__(self, offered: Sequence[str], also: Sequence[str] = ()) -> None:
        self._offered = tuple(offered)
        self._names = (*offered, *also)
        self._choose = lru_cache(_KEPT_ANSWERS)(self._decide)

    def choose(self, accept: bytes) -> str:
        """The media type to answer with; without an `Accept`, the first.

        Raises `NotAcceptable` where the client accepts none, `MalformedRequest` for what is no list of media ranges.
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
        quality, _, best = max(ranked, key=lambda rank: rank[:2])  # of equal ones the first
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
                raise _malformed(f"{text.strip()!r} is no media range.") from error
            if not (_TOKEN.fullmatch(main) and _TOKEN.fullmatch(sub)) or (main == "*" and sub != "*"):
                raise _malformed(f"{text.strip()!r} is no media range.")
            yield main, sub, parameters


def _malformed(found: str) -> MalformedRequest:
    return MalformedRequest(
        f"The Accept header is not a list of media ranges. {found}",
        errors=[Fault(("headers", "accept"), found.removesuffix("."))],
    )
