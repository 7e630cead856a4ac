"""Authenticators: who calls, decided before the body is read. `jero.auth.jwt` has the one for JSON Web Tokens."""

from jero.auth.api_key import APIKeyAuth
from jero.auth.base import Auth
from jero.auth.basic import BasicAuth
from jero.auth.bearer import BearerAuth
from jero.auth.expiring import Expiring
from jero.auth.scheme import APIKeyScheme, HTTPScheme, SecurityScheme

__all__ = [
    "APIKeyAuth",
    "APIKeyScheme",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "Expiring",
    "HTTPScheme",
    "SecurityScheme",
]
