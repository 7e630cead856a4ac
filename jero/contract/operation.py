"""An operation: one method of an endpoint, as plain data."""

import typing
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from jero.contract.annotations import wiring_error
from jero.contract.inputs import Input, read_inputs
from jero.contract.outputs import Output, read_outputs
from jero.endpoint import Endpoint, operations
from jero.errors import WiringError
from jero.http.path import PathTemplate, read_template


class Operation(Struct, frozen=True, kw_only=True):
    """What a handler takes and gives. `method` is HTTP's, in upper case; `name` is the class, for logs."""

    endpoint: Endpoint
    name: str
    method: str
    template: PathTemplate
    handler: Callable[..., Any]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]


def read_operations(endpoint: Any, path: str | None, *, has_enc_hook: bool) -> list[Operation]:
    """Reads an endpoint's operations, on `path` in place of its own where one is given.

    Raises `WiringError` for what cannot work.
    """
    if not isinstance(endpoint, Endpoint):
        found = f"{endpoint.__name__}, a class" if isinstance(endpoint, type) else type(endpoint).__name__
        raise wiring_error("_include_endpoint", f"got {found}", "Give an instance of a subclass of Endpoint")
    name = type(endpoint).__name__
    template = _template(endpoint, path, name)
    handlers = operations(endpoint)
    if not handlers:
        raise wiring_error(name, "the endpoint has no operation", "Define get, post, put, patch or delete")
    return [
        _read_operation(endpoint, operation, handler, template, has_enc_hook=has_enc_hook)
        for operation, handler in handlers.items()
    ]


def _template(endpoint: Endpoint, path: str | None, name: str) -> PathTemplate:
    text = endpoint.path if path is None else path
    if text is None:
        raise wiring_error(
            name, "the endpoint has no path", f'Write class {name}(Endpoint, path="/..."), or include it with path='
        )
    try:
        return read_template(text)
    except ValueError as error:
        raise WiringError(f"{name}: {error}") from error


def _read_operation(
    endpoint: Endpoint, operation: str, handler: Callable[..., Any], template: PathTemplate, *, has_enc_hook: bool
) -> Operation:
    name = type(endpoint).__name__
    where = f"{name}.{operation}"
    try:
        hints = typing.get_type_hints(handler, include_extras=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise wiring_error(
            where,
            f"an annotation cannot be read: {error}",
            "Mend it, or define or import its names at the top of the module",
        ) from error
    return Operation(
        endpoint=endpoint,
        name=name,
        method=operation.upper(),
        template=template,
        handler=handler,
        inputs=read_inputs(handler, hints, template, where),
        outputs=read_outputs(handler, hints, where, has_enc_hook=has_enc_hook),
    )
