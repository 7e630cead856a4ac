"""Groups: endpoints below one prefix, with what they have in common."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from jero.annotations import wiring_error
from jero.auth import Auth
from jero.dispatch.failures import Failures
from jero.endpoint import read_tags
from jero.errors import WiringError
from jero.routing import PathTemplate, read_template

GROUP: Final = "_include_group"


class Group(Struct, frozen=True):
    """Describes what the endpoints of a group share.

    `where`: names the call in messages. `prefix`: stands before the paths of the endpoints. `failures`: answer what the
    endpoints' own exception handlers do not.
    """

    where: str
    prefix: str
    failures: Failures
    auth: Auth | None = None
    tags: Sequence[str] = ()


def read_group(prefix: Any, failures: Failures, auth: Auth | None, tags: Any) -> Group:
    """Returns a group. Raises `WiringError` if `prefix` is not a prefix, or if `tags` are not strings."""
    return Group(GROUP, "" if read_prefix(prefix).text == "/" else prefix, failures, auth, read_tags(tags, GROUP))


def read_prefix(prefix: Any) -> PathTemplate:
    """Reads the prefix of a group, which may have slots. Raises `WiringError` if it is not one."""
    if not isinstance(prefix, str):
        found = f"the prefix is {prefix!r}, which is not a path"
        raise wiring_error(GROUP, found, 'Give the prefix first: self._include_group("/v1", endpoint)')
    if prefix.endswith("/") and prefix != "/":
        instead = "/" + prefix.strip("/")
        raise wiring_error(GROUP, f"the prefix {prefix!r} ends with a slash", f"Write {instead!r}")
    try:
        return read_template(prefix)
    except ValueError as error:
        raise WiringError(f"{GROUP}: {error}") from error
