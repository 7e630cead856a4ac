"""Names of channels: which are valid, and how they stand in keys."""

from typing import Any, Final
from urllib.parse import quote

MOST_BYTES: Final = 512


def fault_of_name(name: Any) -> str | None:
    """Returns why a value cannot be the name of a channel, or `None` if it can. A name has 1 to 512 bytes of UTF-8."""
    if not isinstance(name, str):
        return "it is not text"
    if not name:
        return "it is empty"
    if len(name) > MOST_BYTES:  # before it is encoded: each character has a byte at least
        return f"it has more than {MOST_BYTES} bytes"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it is not Unicode text"
    return f"it has more than {MOST_BYTES} bytes" if size > MOST_BYTES else None


def quoted_name(name: Any) -> str:
    """Returns a name for a message: the beginning of a text, or what was given instead."""
    return repr(name[:20]) if isinstance(name, str) else getattr(name, "__name__", None) or repr(name)


def key_of(prefix: str, kind: str | None, name: str) -> str:
    """Returns the key of a channel: `{prefix}channel:{name}`, or `{prefix}channels:{kind}:{name}` for one of a kind.

    Kind and name are percent-encoded, except ASCII letters, digits, `-`, `.`, `_` and `~`. So no name reaches a key of
    another name or of another kind, and none has a character that Redis treats specially.
    """
    encoded = quote(name, safe="")
    return f"{prefix}channel:{encoded}" if kind is None else f"{prefix}channels:{quote(kind, safe='')}:{encoded}"
