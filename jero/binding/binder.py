"""Binding: makes all arguments of a handler from a request."""

from typing import Any

from jero.binding.body import body_reader, check_content_length, read_body
from jero.binding.fields import field_reader
from jero.binding.incoming import RequestBody, body_opener
from jero.contract.inputs import BODIES, FIELDS
from jero.contract.operation import Operation
from jero.endpoint import arriving_body_limit
from jero.http.asgi import Receive, Scope


class Binder:
    """Makes the arguments of one operation. It reads the signature when it is created, and no more after that.

    `reads_as_it_arrives`: the handler itself reads the body, so `open` is called instead of `bind`.
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
        """Returns the arguments by name. The body is read last, when all other parts are known to be right.

        Raises an `HTTPError` if a part of the request cannot be bound, `ClientDisconnected` if the client leaves
        before the end of the body.
        """
        arguments = {name: read(scope, slots) for name, read in self._fields}
        for name, read in self._bodies:
            arguments[name] = read(scope, await read_body(scope, receive, self._max_body_bytes))
        return arguments

    def open(self, scope: Scope, slots: dict[str, str], receive: Receive) -> tuple[dict[str, Any], RequestBody]:
        """Returns the arguments by name, and the unread body, whose `watch` waits for the client to leave.

        Raises an `HTTPError` if a part of the request cannot be bound.
        """
        arguments = {name: read(scope, slots) for name, read in self._fields}
        body = RequestBody(receive, self._limit)
        for name, open_body in self._open_bodies:
            arguments[name] = open_body(scope, body)
        if self._limit is not None:
            check_content_length(scope, self._limit)
        return arguments, body
