"""Reading streams: `StreamClient`, and the parsers, written apart from `jero.framing` so that neither hides the other's
mistakes.

`StreamClient` needs the extra `jero-asgi[client]`; the parsers, and an import of this package, need it not.
"""

from importlib import import_module

_HOMES = {
    "Reconnection": "jero.client.reconnection",
    "RequestRefused": "jero.client.refused",
    "StreamClient": "jero.client.stream_client",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        raise ImportError(f'jero.client.{name} needs httpx: pip install "jero-asgi[client]"', name="httpx") from error
