from jero.client.client import StreamClient
from jero.client.event_source import Reconnection
from jero.client.refused import RequestRefused, StreamCut

__all__ = ["Reconnection", "RequestRefused", "StreamClient", "StreamCut"]
