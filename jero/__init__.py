"""jero: a typed, streaming-first ASGI micro-framework."""

from jero.app import BaseApp
from jero.auth import APIKeyAuth, Auth, BasicAuth, BearerAuth, Expiring
from jero.endpoint import Endpoint, operation_notes
from jero.errors import (
    BadRequest,
    Conflict,
    ContentTooLarge,
    Fault,
    Forbidden,
    Gone,
    HTTPError,
    JeroError,
    NotAcceptable,
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
from jero.framing.event import ServerSentEvent
from jero.framing.framing import Framing
from jero.http.cookies import Cookie
from jero.http.headers import ResumeHeaders
from jero.http.request import Request
from jero.http.upload import UploadFile
from jero.policy import FormPolicy, OpenStream, StreamOutcome, StreamPolicy, StreamStart
from jero.responses.streaming import (
    EventStreamResponse,
    FramedResponse,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    Negotiated,
    SSEResponse,
    StreamingResponse,
)
from jero.responses.whole import Accepted, BytesResponse, Created, JSONResponse, NoContent, Redirect, TextResponse

__all__ = [
    "APIKeyAuth",
    "Accepted",
    "Auth",
    "BadRequest",
    "BaseApp",
    "BasicAuth",
    "BearerAuth",
    "BytesResponse",
    "Conflict",
    "ContentTooLarge",
    "Cookie",
    "Created",
    "Endpoint",
    "EventStreamResponse",
    "Expiring",
    "Fault",
    "Forbidden",
    "FormPolicy",
    "FramedResponse",
    "Framing",
    "Gone",
    "HTTPError",
    "JSONArrayStreamingResponse",
    "JSONResponse",
    "JeroError",
    "NDJSONStreamingResponse",
    "Negotiated",
    "NoContent",
    "NotAcceptable",
    "NotFound",
    "OpenStream",
    "Problem",
    "Redirect",
    "Request",
    "ResumeHeaders",
    "SSEResponse",
    "ServerSentEvent",
    "ServiceUnavailable",
    "StreamFailed",
    "StreamInterrupted",
    "StreamOutcome",
    "StreamPolicy",
    "StreamStart",
    "StreamingResponse",
    "TextResponse",
    "TooManyRequests",
    "Unauthorized",
    "UnprocessableContent",
    "UploadFile",
    "WiringError",
    "operation_notes",
]
