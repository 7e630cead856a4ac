"""Operations: the methods of an endpoint as plain data, read once at startup."""

from collections.abc import Callable
from itertools import chain
from typing import Any, cast

import msgspec
from msgspec import Struct

from jero.annotations import read_hints, wiring_error
from jero.contract.authentication import Authentication, read_authentication
from jero.contract.dependencies import Dependencies, Need, Openings, read_needs
from jero.contract.exceptions import ExceptionHandlers
from jero.contract.inputs import Input, read_inputs
from jero.contract.outputs import Output, read_outputs, with_statuses
from jero.contract.problems import Renderer
from jero.contract.unbound import NO_USER
from jero.endpoint import Endpoint, OperationNotes, check_endpoint, operations, read_notes
from jero.errors import WiringError
from jero.policy import DEFAULT_POLICY, StreamPolicy
from jero.routing import PathTemplate, read_template


class Operation(Struct, frozen=True, kw_only=True):
    """One operation: its handler with the inputs and the outputs.

    `method` is HTTP's, in upper case. `name` is that of the endpoint's class, for logs. `authentication` is `None` if
    the operation is open to all. `exception_handlers`: the endpoint's, and outside them the application's.
    `stream_policy`: the endpoint's, or else the application's. `needs`: the parameters that dependencies fill.
    `openings`: these dependencies, when they are resolved. `renderer`: renders the problems of the path, for the
    document; `None` if they are sent as they are.
    """

    endpoint: Endpoint
    name: str
    method: str
    template: PathTemplate
    handler: Callable[..., Any]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    authentication: Authentication | None = None
    exception_handlers: ExceptionHandlers = ExceptionHandlers()
    notes: OperationNotes = OperationNotes()
    stream_policy: StreamPolicy = DEFAULT_POLICY
    needs: tuple[Need, ...] = ()
    openings: Openings = Openings()
    renderer: Renderer | None = None

    @property
    def taken(self) -> tuple[Input, ...]:
        """Returns what the handler and its dependencies take of the request."""
        of_dependencies = (opening.dependency.inputs for opening in self.openings.order)
        return (*self.inputs, *chain.from_iterable(of_dependencies))


def read_operations(
    endpoint: Any,
    path: str | None,
    *,
    auth: Any = None,
    has_enc_hook: bool,
    prefix: str = "",
    where: str = "_include_endpoint",
) -> list[Operation]:
    """Reads the operations of an endpoint and its authenticator. `path` replaces the endpoint's own if it is given.

    `has_enc_hook`: the application's encoder has an `enc_hook`, so that classes unknown to msgspec can be sent.
    `prefix`: of the group, which stands before the path. `where` names the call in messages.
    Raises `WiringError` if the endpoint, the authenticator or a handler cannot work.
    """
    if not isinstance(endpoint, Endpoint):
        if isinstance(endpoint, type) and issubclass(endpoint, Endpoint):
            found, instead = f"{endpoint.__name__}, a class", f"Write {endpoint.__name__}(...), which makes an instance"
        else:
            found, instead = type(cast("object", endpoint)).__name__, "Give an instance of a subclass of Endpoint"
        raise wiring_error(where, f"got {found}", instead)
    check_endpoint(endpoint)
    name = type(endpoint).__name__
    template = _read_path(endpoint, path, name, prefix)
    handlers = operations(endpoint)
    if not handlers:
        raise wiring_error(name, "the endpoint has no operation", "Define get, post, put, patch or delete")
    authentication = None if auth is None else read_authentication(auth, name, template)
    return [
        _read_operation(endpoint, template, handler, authentication, has_enc_hook=has_enc_hook)
        for handler in handlers.items()
    ]


def resolved(operation: Operation, dependencies: Dependencies) -> Operation:
    """Returns the operation with the dependencies that it needs. Raises `WiringError` if one of them is missing."""
    where = f"{operation.name}.{operation.method.lower()}"
    user_type = NO_USER if operation.authentication is None else operation.authentication.user
    openings = dependencies.resolve(operation.needs, operation.template, user_type, where)
    return msgspec.structs.replace(operation, openings=openings)


def _read_path(endpoint: Endpoint, path: str | None, name: str, prefix: str) -> PathTemplate:
    text = endpoint.path if path is None else path
    if text is None:
        raise wiring_error(
            name, "the endpoint has no path", f'Write class {name}(Endpoint, path="/..."), or include it with path='
        )
    try:
        template = read_template(text)
        return read_template(prefix + ("" if text == "/" else text)) if prefix else template
    except ValueError as error:
        raise WiringError(f"{name}: {error}") from error


def _read_operation(
    endpoint: Endpoint,
    template: PathTemplate,
    operation: tuple[str, Callable[..., Any]],
    authentication: Authentication | None,
    *,
    has_enc_hook: bool,
) -> Operation:
    method, handler = operation
    name = type(endpoint).__name__
    where = f"{name}.{method}"
    hints = read_hints(handler, where)
    user_type = NO_USER if authentication is None else authentication.user
    inputs = read_inputs(handler, hints, template, where, user_type=user_type)
    outputs = read_outputs(handler, hints, where, has_enc_hook=has_enc_hook)
    notes = read_notes(endpoint, handler, where)
    return Operation(
        endpoint=endpoint,
        name=name,
        method=method.upper(),
        template=template,
        handler=handler,
        inputs=inputs,
        outputs=with_statuses(outputs, notes.statuses, where),
        authentication=authentication,
        notes=notes,
        needs=read_needs(handler, hints),
    )
