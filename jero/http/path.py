"""Reads the path of a request: its segments are separated first, and percent-decoded then (RFC 3986, section 2.4)."""

from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from jero.errors import MalformedRequest
from jero.http.asgi import Scope, is_below, missing_root, route_path

Segments: TypeAlias = list[str]


def read_path(scope: Scope) -> tuple[str, Segments | None]:
    """Returns the path below the application's mount point, and its segments if they are more exact than the path.

    They are if the path contains a percent-encoding. A segment may then contain a slash, which was sent as `%2F`. No
    path has that segment, and the path is returned as "".

    Raises `MalformedRequest` if the path is not percent-encoded UTF-8. Without `raw_path` in the scope, or if a
    middleware has changed `path` alone, only the path is known, which the server has decoded.
    """
    raw: bytes | None = scope.get("raw_path")
    path: str = scope["path"]
    if raw is None or (b"%" not in raw and path.isascii()):
        return route_path(scope), None
    try:
        segments = [unquote_to_bytes(segment).decode() for segment in raw.split(b"/")]
    except UnicodeDecodeError as error:
        if "\ufffd" in path:
            raise MalformedRequest("The path is not percent-encoded UTF-8.") from error
        return route_path(scope), None
    below = _below_root(segments, scope) if "/".join(segments) == path else None
    if below is None:
        return route_path(scope), None
    return "" if any("/" in segment for segment in below) else "/" + "/".join(below), below


def path_segments(scope: Scope) -> Segments:
    """Returns the segments of the path below the application's mount point, also if the path is not readable."""
    try:
        path, segments = read_path(scope)
    except MalformedRequest:
        path, segments = route_path(scope), None
    return path[1:].split("/") if segments is None else segments


def is_path_below(prefix: str, path: str, segments: Segments | None) -> bool:
    """Returns whether a path, as `read_path` returns it, is the prefix or below it. A slash in a segment is not one."""
    if segments is None or not prefix:
        return is_below(path, prefix)
    names = prefix[1:].split("/")
    return segments[: len(names)] == names


def _below_root(segments: Segments, scope: Scope) -> Segments | None:
    """Returns the segments below `root_path`, without the empty one before the first slash.

    Returns `None` if `root_path` ends inside of a segment, or if the path does not begin with a slash.
    """
    root = scope.get("root_path", "").rstrip("/")[len(missing_root(scope)) :]
    above = ""
    for number, segment in enumerate(segments, 1):
        above = segment if number == 1 else f"{above}/{segment}"
        if above == root:
            return segments[number:] or [""]
        if len(above) > len(root):  # a longer path cannot be it, and building it takes quadratic time
            return None
    return None
