"""Writes and reads the messages of HTTP in ASGI 3 (HTTP & WebSocket ASGI Message Format)."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from jero.errors import add_advice

Scope: TypeAlias = MutableMapping[str, Any]
"""What a server says of a request, a websocket or the lifespan."""

Message: TypeAlias = MutableMapping[str, Any]
"""An event: of the server for the application, or the other way round."""

Receive: TypeAlias = Callable[[], Awaitable[Message]]
"""A function that returns the next message of the server."""

Send: TypeAlias = Callable[[Message], Awaitable[None]]
"""A function that sends a message to the server."""

ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An application, with or without a middleware around it."""

HeaderPairs: TypeAlias = list[tuple[bytes, bytes]]

# The extension of a scope by which a test client receives the exceptions that jero answers or logs.
ERRORS: Final = "jero.errors"
# A key of a request's scope: whether its body was read to the end. It is missing as long as nobody has read the body.
BODY_HAS_ENDED: Final = "jero.body_has_ended"
# A key of a request's scope: jero does not answer the request, because its client has left.
UNANSWERED: Final = "jero.unanswered"
# A key of a request's scope: the files of its form, to be closed when the request is answered.
UPLOADS: Final = "jero.uploads"
SPACE: Final = b" \t"  # HTTP's whitespace (RFC 9110, section 5.6.3); bytes.strip() alone would remove more


def response_start(status: int, headers: HeaderPairs) -> Message:
    """Returns the message that begins a response.

    `headers`: names in lower case. The message keeps the list, and middlewares may change it: never share one.
    """
    return {"type": "http.response.start", "status": status, "headers": headers}


def response_body(body: bytes, *, more_body: bool = False) -> Message:
    """Returns a message with a part of the body. `more_body` is false for the last part."""
    return {"type": "http.response.body", "body": body, "more_body": more_body}


def is_response_start(message: Message) -> bool:
    """Returns whether the message begins a response."""
    return bool(message["type"] == "http.response.start")


def is_disconnect(message: Message) -> bool:
    """Returns whether the message reports that the client has left."""
    return bool(message["type"] == "http.disconnect")


def request_header(scope: Scope, name: bytes) -> bytes | None:
    """Returns the first header called `name`, which is in lower case, or `None`."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def report_error(scope: Scope, error: BaseException) -> None:
    """Passes an exception that is answered or logged to the test client that sent the request, if there is one.

    Adds a note to the exception if its message does not say what to write.
    """
    add_advice(error)
    extensions: Mapping[str, Any] = scope.get("extensions") or {}
    if ERRORS in extensions:
        extensions[ERRORS](error)


def request_line(scope: Scope) -> str:
    """Returns the request's method and path, for a log. Characters that could forge another line are escaped."""
    return f"{printable(scope.get('method', scope['type']))} {printable(scope.get('path', ''))}"


def printable(text: str) -> str:
    """Returns a client's text for a log: with an escape for each character that is not printable."""
    return text if text.isprintable() else repr(text)[1:-1]


def route_path(scope: Scope) -> str:
    """Returns the path below the application's mount point (`root_path`). The server has percent-decoded it."""
    root: str = scope.get("root_path", "")
    if not root:
        return str(scope["path"])
    return whole_path(scope)[len(root.rstrip("/")) :] or "/"


def whole_path(scope: Scope) -> str:
    """Returns the path with `root_path`, as ASGI defines it. The server has percent-decoded it."""
    return missing_root(scope) + str(scope["path"])


def missing_root(scope: Scope) -> str:
    """Returns the part of `root_path` that `path` lacks.

    A proxy may remove a prefix, and the server is told the prefix as its `root_path`. uvicorn then adds the prefix to
    `path`. granian and hypercorn do not, and nor do FastAPI and Starlette, which append their mounts to `root_path`,
    and keep the server's as `app_root_path`.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    if is_below(path, root):
        return ""
    outer: str = scope.get("app_root_path", "").rstrip("/")
    return outer if is_below(root, outer) and is_below(path, root[len(outer) :]) else root


def is_below(path: str, prefix: str) -> bool:
    """Returns whether the path is the prefix, or below it."""
    return path.startswith(prefix) and path[len(prefix) :][:1] in ("", "/")
