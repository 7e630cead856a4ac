"""Authenticators check who calls, before the body is read. `jero.auth.jwt` contains that for JSON Web Tokens."""

from jero.auth.api_key import APIKeyAuth
from jero.auth.auth import Auth, Expiring
from jero.auth.header import AuthorizationHeaders, BasicAuth, BearerAuth
from jero.auth.scheme import APIKeyScheme, HTTPScheme, SecurityScheme

__all__ = [
    "APIKeyAuth",
    "APIKeyScheme",
    "Auth",
    "AuthorizationHeaders",
    "BasicAuth",
    "BearerAuth",
    "Expiring",
    "HTTPScheme",
    "SecurityScheme",
]
