"""All the arguments of a handler."""

from typing import Any

from jero.binding.body import body_opener, body_reader, read_body
from jero.binding.fields import field_reader
from jero.binding.incoming import Incoming, check_announced
from jero.contract.inputs import BODIES, FIELDS
from jero.contract.operation import Operation
from jero.endpoint import arriving_body_limit
from jero.http.asgi import Receive, Scope


class Binder:
    """Makes a handler's arguments of a request; what it has to know of the signature, it learns when it is made.

    `reads_as_it_arrives`: the handler reads the body by itself, so that it is bound by `open`.
    """

    def __init__(self, operation: Operation) -> None:
        endpoint = operation.endpoint
        bodies = [one for one in operation.inputs if one.name in BODIES]
        self._fields = [(one.name, field_reader(one.name, one.type)) for one in operation.inputs if one.name in FIELDS]
        self._bodies = [(one.name, body_reader(one.name, one.type)) for one in bodies if not one.is_stream]
        self._open_bodies = [
            (one.name, body_opener(one.name, one.type, endpoint.max_line_bytes)) for one in bodies if one.is_stream
        ]
        self.reads_as_it_arrives = bool(self._open_bodies)
        self._max_body_bytes = endpoint.max_body_bytes
        self._limit = arriving_body_limit(endpoint)

    async def bind(self, scope: Scope, slots: dict[str, str], receive: Receive) -> dict[str, Any]:
        """The arguments by name; the body is read last, when all else is known to be right.

        Raises an `HTTPError` that says what is wrong with the request, `ClientDisconnected` where it breaks off.
        """
        arguments = {name: read(scope, slots) for name, read in self._fields}
        for name, read in self._bodies:
            arguments[name] = read(scope, await read_body(scope, receive, self._max_body_bytes))
        return arguments

    def open(self, scope: Scope, slots: dict[str, str], receive: Receive) -> tuple[dict[str, Any], Incoming]:
        """The arguments by name, with the body still to be read; and the body, for who waits for the client's leaving.

        Raises an `HTTPError` that says what is wrong with the request.
        """
        arguments = {name: read(scope, slots) for name, read in self._fields}
        incoming = Incoming(receive, self._limit)
        for name, open_body in self._open_bodies:
            arguments[name] = open_body(scope, incoming)
        if self._limit is not None:
            check_announced(scope, self._limit)
        return arguments, incoming
