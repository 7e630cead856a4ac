"""Binding: makes all arguments of a handler from a request."""

from typing import Any

from jero.annotations import wiring_error
from jero.binding.body import BodyReader, Reader
from jero.binding.codings import DecodingReader, decoded_body
from jero.binding.fields import field_reader, header_fields
from jero.binding.incoming import BodyOpener, RequestBody, body_opener
from jero.contract.inputs import BODIES, FIELDS, Input
from jero.contract.operation import Operation
from jero.endpoint import arriving_body_limit
from jero.http.asgi import UPLOADS, Receive, Scope


class Binder:
    """Makes the arguments of one operation. It reads the signature only when it is created.

    `body`: reads the body before the handler is called, as the argument `body_name`. It is `None` if the handler takes
    no body, or reads it itself as it arrives. `takes_more`: `bind` makes the arguments beside that one.
    """

    def __init__(self, operation: Operation) -> None:
        endpoint, inputs = operation.endpoint, operation.inputs
        taken = next((input_ for input_ in inputs if input_.name in BODIES), None)
        self._fields = [(field.name, field_reader(field.name, field.type)) for field in inputs if field.name in FIELDS]
        self._takes_user = any(input_.name == "user" for input_ in inputs)
        self.body_name = ""
        self.body: Reader | None = None
        self._open_body: BodyOpener | None = None
        if taken is not None:
            self.body_name = taken.name
            if taken.is_stream:
                self._open_body = _opener(operation, taken)
            else:
                self.body = _reader(operation, taken)
        self.takes_more = bool(self._fields) or self._takes_user or self._open_body is not None
        self._limit = arriving_body_limit(endpoint)
        self._codings = endpoint.content_encodings

    def bind(self, user: Any, scope: Scope, slots: dict[str, str], receive: Receive) -> tuple[dict[str, Any], Receive]:
        """Returns the arguments by name, without that of `body`, and the `receive` that reports the client's leaving.

        A body that is read as it arrives replaces `receive`, because the disconnect comes after the parts of the body.
        Raises an `HTTPError` if a part of the request cannot be bound.
        """
        arguments = {name: read(scope, slots) for name, read in self._fields}
        if self._open_body is not None:
            decoded = decoded_body(scope, receive, self._codings, self._limit) if self._codings else None
            if decoded is not None:
                receive = decoded.receive
            incoming = RequestBody(receive, self._limit)
            arguments[self.body_name] = self._open_body(scope, incoming)
            receive = incoming.watch
        if self._takes_user:
            arguments["user"] = user
        return arguments, receive


async def close_uploads(scope: Scope) -> None:
    """Closes the files of the request's form, if it has any, and deletes them."""
    uploads = scope.pop(UPLOADS, None)
    if uploads is not None:
        await uploads.close()


def _reader(operation: Operation, taken: Input) -> Reader:
    """Returns the reader of a body that is read whole, and decoded first if the endpoint says so."""
    endpoint = operation.endpoint
    if taken.name == "form":
        limit, reader = endpoint.form_policy.max_bytes, _form_reader(operation, taken)
    else:
        limit, may_be_encoded = endpoint.max_body_bytes, _may_be_encoded(operation, taken)
        reader = BodyReader(taken.name, taken.type, limit, endpoint.body_timeout, may_be_encoded=may_be_encoded)
    return DecodingReader(reader, endpoint.content_encodings, limit) if endpoint.content_encodings else reader


def _opener(operation: Operation, taken: Input) -> BodyOpener:
    """Returns the function that opens a body which is read as it arrives."""
    max_line_bytes = operation.endpoint.max_line_bytes
    return body_opener(taken.name, taken.type, max_line_bytes, may_be_encoded=_may_be_encoded(operation, taken))


def _form_reader(operation: Operation, form: Input) -> Reader:
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


def _may_be_encoded(operation: Operation, taken: Input) -> bool:
    """Returns whether a Content-Encoding is not refused with the body: jero decodes it first, or the handler can.

    A handler can decode its `content` itself if it takes the header Content-Encoding.
    """
    if operation.endpoint.content_encodings:
        return True
    headers = next((input_.type for input_ in operation.inputs if input_.name == "headers"), None)
    return taken.name == "content" and headers is not None and "content-encoding" in header_fields(headers)
