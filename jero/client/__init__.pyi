from jero.client.client import StreamClient
from jero.client.event_source import Reconnection
from jero.client.event_stream import EventStream
from jero.client.readers import Until
from jero.client.refused import RequestRefused, StreamCut

__all__ = ["EventStream", "Reconnection", "RequestRefused", "StreamClient", "StreamCut", "Until"]
