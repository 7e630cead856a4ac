"""The middleware around an application: pure ASGI, one in the other."""

import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, cast

from jero.contract.annotations import wiring_error
from jero.dispatch.boundary import Boundary
from jero.dispatch.failures import Failures
from jero.http.asgi import ASGIApp

P = ParamSpec("P")

_WHERE = "_include_middleware"


class Middleware:
    """What was included; the first is the outermost."""

    def __init__(self) -> None:
        self._factories: list[tuple[Callable[[ASGIApp], object], str]] = []

    def add(
        self, factory: Callable[Concatenate[ASGIApp, P], object], /, *arguments: P.args, **options: P.kwargs
    ) -> None:
        """Raises `WiringError` for what cannot be called with an application and these options.

        What it makes may be of any type: some (Sentry's) are ASGI applications though their types do not say so.
        """
        name = getattr(factory, "__name__", type(factory).__name__)
        fault = _fault(factory, arguments, options)
        if fault is not None:
            raise wiring_error(
                _WHERE,
                f"{name} cannot be called with an application and these options: {fault}",
                "Give what makes the middleware, and the options that it has",
            )
        self._factories.append((lambda app: factory(app, *arguments, **options), name))

    def around(self, app: ASGIApp, failures: Failures) -> ASGIApp:
        """The application with all middleware around it, each made now; the application itself where there is none."""
        if not self._factories:
            return app
        for factory, name in reversed(self._factories):
            made = factory(app)
            if not callable(made):
                raise wiring_error(
                    _WHERE, f"{name} made {made!r}, which is no ASGI application", "Give what makes the middleware"
                )
            app = cast("ASGIApp", made)
        return Boundary(app, failures, "The middleware")


def _fault(factory: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> str | None:
    if not callable(factory):
        return "it cannot be called"
    try:
        inspect.signature(factory).bind(None, *arguments, **options)
    except TypeError as error:
        return str(error)
    except ValueError:  # a callable that shows no signature
        return None
    return None
