"""All the arguments of a handler."""

from typing import Any

from jero.binding.body import body_reader, read_body
from jero.binding.fields import field_reader
from jero.contract.inputs import BODIES, FIELDS
from jero.contract.operation import Operation
from jero.http.asgi import Receive, Scope


class Binder:
    """Makes a handler's arguments of a request; what it has to know of the signature, it learns when it is made."""

    def __init__(self, operation: Operation) -> None:
        self._fields = [(one.name, field_reader(one.name, one.type)) for one in operation.inputs if one.name in FIELDS]
        self._bodies = [(one.name, body_reader(one.name, one.type)) for one in operation.inputs if one.name in BODIES]
        self._max_body_bytes = operation.endpoint.max_body_bytes

    async def bind(self, scope: Scope, slots: dict[str, str], receive: Receive) -> dict[str, Any]:
        """The arguments by name; the body is read last, when all else is known to be right.

        Raises an `HTTPError` that says what is wrong with the request, `ClientDisconnected` where it breaks off.
        """
        arguments = {name: read(scope, slots) for name, read in self._fields}
        for name, read in self._bodies:
            arguments[name] = read(scope, await read_body(scope, receive, self._max_body_bytes))
        return arguments
