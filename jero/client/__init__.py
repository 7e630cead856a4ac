"""Reads streams over the network as typed items and events.

The public names need the extra `jero-asgi[client]`, which installs httpx. An import of this package does not import
httpx yet, so that `jero.client.readers` works without it. `__init__.pyi` declares the names for type checkers.
"""

_PUBLIC_NAMES = {"EventStream", "Reconnection", "RequestRefused", "StreamClient", "StreamCut", "Until"}


def __getattr__(name: str) -> object:
    """Imports the public names on first use. Raises `ImportError` if httpx is not installed."""
    if name not in _PUBLIC_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from jero.client.client import StreamClient
        from jero.client.event_source import Reconnection
        from jero.client.event_stream import EventStream
        from jero.client.readers import Until
        from jero.client.refused import RequestRefused, StreamCut
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        raise ImportError(f'jero.client.{name} needs httpx: pip install "jero-asgi[client]"', name="httpx") from error
    names = {
        "EventStream": EventStream,
        "Reconnection": Reconnection,
        "RequestRefused": RequestRefused,
        "StreamClient": StreamClient,
        "StreamCut": StreamCut,
        "Until": Until,
    }
    return names[name]
