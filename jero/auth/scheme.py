"""Security schemes: how credentials are sent, for the OpenAPI document and for the challenge of a 401."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct, field

from jero.errors import Unauthorized

DEFAULT_REALM: Final = "api"
CHALLENGE: Final = "WWW-Authenticate"

KeyLocation: TypeAlias = Literal["header", "query", "cookie"]

_BEARER: Final = "bearer"
_BASIC: Final = "basic"


class SecurityScheme(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag_field="type"):
    """The base of all schemes. In JSON a scheme is OpenAPI's Security Scheme Object.

    To add a kind that jero does not have, write a subclass. Its `type` is the tag of the Struct:

        class OpenIDConnectScheme(SecurityScheme, tag="openIdConnect", frozen=True):
            open_id_connect_url: str

    `description`: CommonMark, for those who read the document.
    """

    description: str | None = None

    def challenge(self, realm: str, *, was_sent: bool) -> str:
        """Returns a value of `WWW-Authenticate` (RFC 9110, section 11.6.1).

        `realm`: the name of what is protected.
        `was_sent`: the request contained credentials, and they are wrong.

        HTTP's registry has no word for most kinds of scheme. A subclass overrides this method if its kind has one.
        """
        return f"APIKey {_quoted('realm', realm)}"


class HTTPScheme(SecurityScheme, tag="http", frozen=True, kw_only=True):
    """Credentials in the `Authorization` header.

    `scheme`: the word before them, such as "bearer" or "basic".
    `bearer_format`: the format of bearer tokens, such as "JWT", for those who read the document.
    """

    scheme: str
    bearer_format: str | None = None

    def challenge(self, realm: str, *, was_sent: bool) -> str:
        """Returns the challenge that RFC 6750, section 3, or RFC 7617, section 2, defines."""
        challenge = f"{self.scheme.capitalize()} {_quoted('realm', realm)}"
        if self.scheme == _BASIC:
            return f'{challenge}, charset="UTF-8"'
        # RFC 6750, section 3.1: the challenge to a request without credentials names no error.
        return f'{challenge}, error="invalid_token"' if self.scheme == _BEARER and was_sent else challenge


class APIKeyScheme(SecurityScheme, tag="apiKey", frozen=True, kw_only=True):
    """A key in a header, in the query or in a cookie.

    `name`: the name of the header, the parameter or the cookie.
    `location`: "header", "query" or "cookie".
    """

    name: str
    location: KeyLocation = field(name="in")


def challenged(refusal: Unauthorized, challenge: str) -> Unauthorized:
    """Adds the challenge, which RFC 9110, section 15.5.2, requires, unless the refusal has one. Returns the refusal."""
    if not any(name.lower() == CHALLENGE.lower() for name in refusal.headers):
        refusal.headers[CHALLENGE] = challenge
    return refusal


def _quoted(name: str, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'
