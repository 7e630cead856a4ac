"""The ASGI messages of HTTP (ASGI 3, HTTP & WebSocket specification): the one place that spells them."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderPairs: TypeAlias = list[tuple[bytes, bytes]]


def response_start(status: int, headers: HeaderPairs) -> Message:
    """The message that begins a response; names in `headers`, a list that is this message's own, are lower case."""
    return {"type": "http.response.start", "status": status, "headers": headers}


def response_body(body: bytes, *, more_body: bool = False) -> Message:
    """The message that carries a part of the body; the last has no `more_body`."""
    return {"type": "http.response.body", "body": body, "more_body": more_body}


def is_response_start(message: Message) -> bool:
    """Whether the response begins with it."""
    return bool(message["type"] == "http.response.start")


def is_disconnect(message: Message) -> bool:
    """Whether the client has left."""
    return bool(message["type"] == "http.disconnect")


def request_header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name, which is given in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def route_path(scope: Scope) -> str:
    """The path below the place where the application is mounted (`root_path`), percent-decoded by the server."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if not root:
        return path
    root = root.rstrip("/")
    if root and (path == root or path.startswith(root + "/")):
        return path[len(root) :] or "/"
    return path
