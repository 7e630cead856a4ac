"""Problems in another shape: what can render them, and what its annotation says of their bodies."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

from msgspec import Struct

from jero.annotations import class_of, function_of, is_open, read_hints, union_members, unwrapped, wiring_error
from jero.contract.exceptions import WHOLE, handler_name, takes_request
from jero.contract.outputs import Output, read_response
from jero.errors import Problem, WiringError
from jero.http.request import Request
from jero.names import call_fault
from jero.responses.response import Response

ProblemRenderer: TypeAlias = Callable[[Problem], Any] | Callable[[Problem, Request], Any]
"""A function of a problem, or of a problem and the request. It may be `async def`, and returns a body or a response."""


class Renderer(Struct, frozen=True):
    """A function that renders problems, read at startup. `takes_request`: it is called with the request, too."""

    function: ProblemRenderer
    takes_request: bool


def read_renderer(function: Any, where: str) -> Renderer:
    """Reads a function that renders problems. `where` names the call in messages.

    Raises `WiringError` if it cannot be called with a problem, nor with a problem and the request.
    """
    with_request = takes_request(function)
    if not with_request and call_fault(function, None) is not None:
        found = f"problems={handler_name(function)} does not take the problem as its first argument"
        raise wiring_error(where, found, "Write def render(problem: Problem, request: Request) -> YourError")
    return Renderer(function, with_request)


def read_rendered(renderer: Renderer) -> tuple[Output, ...]:
    """Returns the bodies that the renderer's return annotation names; nothing if it does not say what they are."""
    name = handler_name(renderer.function)
    try:
        hints = read_hints(function_of(renderer.function), name)
        return tuple(_outputs(hints.get("return", Any), name))
    except WiringError:
        return ()


def _outputs(annotation: Any, where: str) -> Iterator[Output]:
    for member in union_members(annotation):
        bare = unwrapped(member)
        origin = class_of(bare)
        if not isinstance(origin, type) or origin in (Any, object) or is_open(bare):
            continue
        if not issubclass(origin, Response):
            yield Output(None, member)
        elif issubclass(origin, WHOLE):
            yield read_response(bare, cast("type[Response[Any]]", origin), where)
