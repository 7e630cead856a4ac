"""The `Authorization` header (RFC 9110, section 11.6.2)."""

import re
from typing import Final

from msgspec import Struct

from jero.auth.base import MAX_CREDENTIAL_LENGTH

# RFC 9110, section 11.2: token68 has the letters of base64, base64url and a few more.
_CREDENTIALS: Final = re.compile(r"(?P<scheme>[!#$%&'*+\-.^_`|~0-9A-Za-z]+) +(?P<token68>[A-Za-z0-9\-._~+/]+=*)")


class AuthorizationHeaders(Struct, frozen=True):
    """Every `Authorization` header of a request: more than one is a fault."""

    authorization: tuple[str, ...] = ()


def token68(headers: AuthorizationHeaders, scheme: str) -> str | None:
    """What stands after the scheme, where there is one header, of that scheme, and well formed."""
    if len(headers.authorization) != 1 or len(headers.authorization[0]) > MAX_CREDENTIAL_LENGTH:
        return None
    match = _CREDENTIALS.fullmatch(headers.authorization[0])
    return match["token68"] if match and match["scheme"].lower() == scheme else None


def is_of_scheme(headers: AuthorizationHeaders, scheme: str) -> bool:
    """Whether a header attempts that scheme, however badly."""
    return any(one.partition(" ")[0].lower() == scheme for one in headers.authorization)
