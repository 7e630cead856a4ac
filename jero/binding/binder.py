"""Binding: makes all arguments of a handler from a request."""

from collections.abc import Sequence
from typing import Any

from jero.annotations import wiring_error
from jero.binding.body import body_reader, check_content_length, read_body
from jero.binding.codings import DecodedBody, codings_of
from jero.binding.fields import field_reader, header_fields
from jero.binding.incoming import RequestBody, body_opener
from jero.contract.inputs import BODIES, FIELDS, Input
from jero.contract.operation import Operation
from jero.endpoint import arriving_body_limit
from jero.http.asgi import BODY_HAS_ENDED, UPLOADS, Receive, Scope


class Binder:
    """Makes the arguments of one operation. It reads the signature only when it is created.

    `reads_whole`: `bind` reads the body. `reads_as_it_arrives`: the handler itself reads the body, so `open` is called
    instead of `bind`.
    """

    def __init__(self, operation: Operation) -> None:
        endpoint, inputs = operation.endpoint, operation.inputs
        whole = [body for body in inputs if body.name in BODIES and not body.is_stream and body.name != "form"]
        arriving = [body for body in inputs if body.name in BODIES and body.is_stream]
        self._fields = [(field.name, field_reader(field.name, field.type)) for field in inputs if field.name in FIELDS]
        is_decoded = bool(endpoint.content_encodings)
        may_be_encoded = is_decoded or _decodes(inputs)
        self._bodies = [(body.name, body_reader(body.name, body.type, may_be_encoded=may_be_encoded)) for body in whole]
        self._open_bodies = [
            (body.name, body_opener(body.name, body.type, endpoint.max_line_bytes, may_be_encoded=may_be_encoded))
            for body in arriving
        ]
        form = next((body for body in inputs if body.name == "form"), None)
        self._form = None if form is None else _form_reader(operation, form)
        self.reads_whole = bool(whole) or form is not None
        self.reads_as_it_arrives = bool(self._open_bodies)
        self._content_encodings = endpoint.content_encodings if self.reads_whole or arriving else ()
        self._max_body_bytes = endpoint.max_body_bytes
        self._body_timeout = endpoint.body_timeout
        self._limit = arriving_body_limit(endpoint)
        self._whole_limit = endpoint.max_body_bytes if form is None else endpoint.form_policy.max_bytes

    async def bind(self, scope: Scope, slots: dict[str, str], receive: Receive) -> dict[str, Any]:
        """Returns the arguments by name. The body is read last, when all other parts are known to be right.

        Raises an `HTTPError` if a part of the request cannot be bound, `ClientDisconnected` if the client leaves
        before the end of the body.
        """
        arguments = {name: read(scope, slots) for name, read in self._fields}
        decoded = self._decoded(scope, receive, self._whole_limit) if self._content_encodings else None
        if decoded is not None:
            receive = decoded.receive
        try:
            for name, read in self._bodies:
                arguments[name] = read(scope, await read_body(scope, receive, self._max_body_bytes, self._body_timeout))
            if self._form is not None:
                arguments["form"] = await self._form.read(scope, receive)
        finally:
            if decoded is not None and decoded.has_ended is not None:
                scope[BODY_HAS_ENDED] = decoded.has_ended
        return arguments

    def open(self, scope: Scope, slots: dict[str, str], receive: Receive) -> tuple[dict[str, Any], RequestBody]:
        """Returns the arguments by name, and the unread body, whose `watch` waits for the client to leave.

        Raises an `HTTPError` if a part of the request cannot be bound.
        """
        arguments = {name: read(scope, slots) for name, read in self._fields}
        decoded = self._decoded(scope, receive, self._limit) if self._content_encodings else None
        body = RequestBody(receive if decoded is None else decoded.receive, self._limit)
        for name, open_body in self._open_bodies:
            arguments[name] = open_body(scope, body)
        if self._limit is not None:
            check_content_length(scope, self._limit)
        return arguments, body

    def _decoded(self, scope: Scope, receive: Receive, limit: int | None) -> DecodedBody | None:
        """Returns the body without its codings, or `None` if it has none."""
        codings = codings_of(scope, self._content_encodings)
        return DecodedBody(receive, codings, limit) if codings else None


async def close_uploads(scope: Scope) -> None:
    """Closes the files of the request's form, if it has any, and deletes them."""
    uploads = scope.pop(UPLOADS, None)
    if uploads is not None:
        await uploads.close()


def _form_reader(operation: Operation, form: Input) -> Any:
    """Returns the reader of the operation's forms. Raises `WiringError` if python-multipart is not installed."""
    try:
        from jero.binding.form import FormReader
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "python_multipart":
            raise
        found = "forms are read by python-multipart, which is not installed"
        where = f"{operation.name}.{operation.method.lower()}"
        raise wiring_error(where, found, 'Install it: pip install "jero-asgi[forms]"') from error
    return FormReader(form.type, operation.endpoint)


def _decodes(inputs: Sequence[Input]) -> bool:
    """Returns whether the handler can decode its `content` itself, because it takes the header Content-Encoding."""
    if not any(input_.name == "content" for input_ in inputs):
        return False
    headers = next((input_.type for input_ in inputs if input_.name == "headers"), None)
    return headers is not None and "content-encoding" in header_fields(headers)
