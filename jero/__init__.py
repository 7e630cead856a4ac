"""jero: a typed, streaming-first ASGI micro-framework."""

from jero.app import BaseApp
from jero.endpoint import Endpoint
from jero.errors import (
    BadRequest,
    Conflict,
    ContentTooLarge,
    Fault,
    Forbidden,
    Gone,
    HTTPError,
    JeroError,
    NotFound,
    Problem,
    ServiceUnavailable,
    StreamFailed,
    StreamInterrupted,
    TooManyRequests,
    Unauthorized,
    UnprocessableContent,
    WiringError,
)
from jero.framing.sse import ServerSentEvent
from jero.http.cookies import Cookie
from jero.http.resume import ResumeHeaders
from jero.policy import StreamOutcome, StreamPolicy
from jero.responses.buffered import BytesResponse, Created, JSONResponse, NoContent, TextResponse
from jero.responses.streaming import (
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    SSEResponse,
    StreamingResponse,
)

__all__ = [
    "BadRequest",
    "BaseApp",
    "BytesResponse",
    "Conflict",
    "ContentTooLarge",
    "Cookie",
    "Created",
    "Endpoint",
    "Fault",
    "Forbidden",
    "Gone",
    "HTTPError",
    "JSONArrayStreamingResponse",
    "JSONResponse",
    "JeroError",
    "NDJSONStreamingResponse",
    "NoContent",
    "NotFound",
    "Problem",
    "ResumeHeaders",
    "SSEResponse",
    "ServerSentEvent",
    "ServiceUnavailable",
    "StreamFailed",
    "StreamInterrupted",
    "StreamOutcome",
    "StreamPolicy",
    "StreamingResponse",
    "TextResponse",
    "TooManyRequests",
    "Unauthorized",
    "UnprocessableContent",
    "WiringError",
]
