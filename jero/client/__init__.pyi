from jero.client.reconnection import Reconnection
from jero.client.refused import RequestRefused
from jero.client.stream_client import StreamClient

__all__ = ["Reconnection", "RequestRefused", "StreamClient"]
