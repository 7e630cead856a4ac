"""What a client's `Accept` header (RFC 9110, section 12.5.1) asks for by name."""

import re

_NO_WEIGHT = re.compile(r"q=0(\.0*)?")


def is_named(accept: bytes | None, media_type: str) -> bool:
    """Whether `media_type` itself, and not only a wildcard over it, is listed as acceptable."""
    if accept is None:
        return False
    for media_range in accept.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        if name == media_type:
            return not any(_NO_WEIGHT.fullmatch(parameter) for parameter in parameters)
    return False
