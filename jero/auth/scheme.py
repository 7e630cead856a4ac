"""How credentials are sent: for the OpenAPI document, and for the challenge of a 401."""

from typing import Final, Literal

from msgspec import Struct, field

from jero.errors import Unauthorized

DEFAULT_REALM: Final = "api"
CHALLENGE: Final = "WWW-Authenticate"

_BEARER: Final = "bearer"
_BASIC: Final = "basic"


class SecurityScheme(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag_field="type"):
    """The root of the schemes: as JSON, one is OpenAPI's Security Scheme Object.

    A kind that jero does not have is a subclass, its `type` given as the Struct's tag:

        class OpenIDConnectScheme(SecurityScheme, tag="openIdConnect", frozen=True):
            open_id_connect_url: str
    """

    description: str | None = None

    def challenge(self, realm: str, *, was_sent: bool) -> str:
        """A value of `WWW-Authenticate` (RFC 9110, section 11.6.1); `was_sent`: there were credentials, and wrong ones.

        HTTP's registry has no word for most kinds of scheme; a subclass for which it has one overrides this.
        """
        return f"APIKey {_quoted('realm', realm)}"


class HTTPScheme(SecurityScheme, tag="http", frozen=True, kw_only=True):
    """Credentials in the `Authorization` header; `scheme` is the word that stands before them: "bearer", "basic"."""

    scheme: str
    bearer_format: str | None = None

    def challenge(self, realm: str, *, was_sent: bool) -> str:
        """As RFC 6750, section 3, and RFC 7617, section 2, have it."""
        challenge = f"{self.scheme.capitalize()} {_quoted('realm', realm)}"
        if self.scheme == _BASIC:
            return f'{challenge}, charset="UTF-8"'
        # RFC 6750, section 3.1: a request without credentials is told of no error.
        return f'{challenge}, error="invalid_token"' if self.scheme == _BEARER and was_sent else challenge


class APIKeyScheme(SecurityScheme, tag="apiKey", frozen=True, kw_only=True):
    """A key of its own name, in a header, in the query or in a cookie."""

    name: str
    location: Literal["header", "query", "cookie"] = field(name="in")


def challenged(refusal: Unauthorized, challenge: str) -> Unauthorized:
    """The refusal, with the challenge unless it has one of its own: RFC 9110, section 15.5.2, asks for one."""
    if not any(name.lower() == CHALLENGE.lower() for name in refusal.headers):
        refusal.headers[CHALLENGE] = challenge
    return refusal


def _quoted(name: str, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'
