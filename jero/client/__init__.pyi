from jero.client.client import StreamClient
from jero.client.cut import StreamCut
from jero.client.event_source import Reconnection
from jero.client.refused import RequestRefused

__all__ = ["Reconnection", "RequestRefused", "StreamClient", "StreamCut"]
