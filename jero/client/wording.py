"""Gives the errors of a network a message, since many errors of httpx have none."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import httpx

_NO_SECONDS: Final = "its timeout"


def stalled(request: httpx.Request) -> httpx.ReadTimeout:
    """Returns the error of a request whose response was silent for its timeout."""
    return httpx.ReadTimeout(
        f"No bytes arrived for {_timeout(request, 'read')}: have the server send pings, or set a longer timeout.",
        request=request,
    )


@contextmanager
def worded() -> Generator[None, None, None]:
    """Gives the errors of httpx that its block raises a message."""
    try:
        yield
    except httpx.TransportError as error:
        found = with_words(error, error.request)
        if found is error:
            raise
        raise found from error


def with_words(error: httpx.TransportError, request: httpx.Request) -> httpx.TransportError:
    """Returns an error of the same class that has a message. An error that has one is returned unchanged."""
    if isinstance(error, httpx.ReadTimeout):
        return stalled(request)
    if str(error):
        return error
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return type(error)(words.format(timeout=_timeout(request, _TIMEOUTS.get(kind, ""))), request=request)
    return type(error)(f"The request failed: {type(error).__name__}.", request=request)


_WORDS: Final[dict[type[httpx.TransportError], str]] = {
    httpx.WriteTimeout: "The server read nothing of the request for {timeout}: it may be busy, or answer before it "
    "reads on. Set a longer timeout.",
    httpx.ConnectTimeout: "No connection was made within {timeout}: the server may be down. Set a longer timeout.",
    httpx.PoolTimeout: "No connection was free for {timeout}: each open stream holds one. Allow more connections.",
    httpx.ConnectError: "No connection was made: the server may be down.",
    httpx.ReadError: "The connection broke while the response was read.",
    httpx.WriteError: "The connection broke while the request was sent.",
    httpx.NetworkError: "The connection broke.",
    httpx.RemoteProtocolError: "The server broke the HTTP protocol, or closed the connection.",
}
_TIMEOUTS: Final[dict[type[httpx.TransportError], str]] = {
    httpx.WriteTimeout: "write",
    httpx.ConnectTimeout: "connect",
    httpx.PoolTimeout: "pool",
}


def _timeout(request: httpx.Request, name: str) -> str:
    seconds = request.extensions.get("timeout", {}).get(name)
    return _NO_SECONDS if seconds is None else f"{seconds:g} seconds"
