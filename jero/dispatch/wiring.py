"""What an application has included, in one life of it."""

from collections.abc import Callable
from typing import Any

import msgspec

from jero.auth import Auth
from jero.contract.annotations import wiring_error
from jero.contract.operation import Operation, read_operations
from jero.dispatch.admission import Admission
from jero.dispatch.dispatcher import Dispatcher
from jero.dispatch.exception_handlers import ExceptionHandlers
from jero.dispatch.failures import Failures
from jero.dispatch.middleware import Middleware
from jero.dispatch.mounts import Mounts
from jero.dispatch.route import Route
from jero.dispatch.streamed import StreamDefaults
from jero.endpoint import Endpoint
from jero.http.asgi import ASGIApp, Scope
from jero.router import Router


class Wiring:
    """Takes in what `_wire` includes; `entry` makes one application of it. `operations`: those of the endpoints."""

    def __init__(self, defaults: StreamDefaults) -> None:
        self._defaults = defaults
        self._router: Router[Route] = Router()
        self.operations: list[Operation] = []
        self.exception_handlers = ExceptionHandlers()
        self.failures = Failures(self.exception_handlers, defaults.encoder)
        self.middleware = Middleware()
        self.mounts = Mounts(self.failures)

    def add(self, endpoint: Endpoint, path: str | None, auth: Auth | None = None) -> list[Operation]:
        """Serves the endpoint's operations, and gives them back.

        Raises `WiringError` where its declaration cannot work, or another has its method and path."""
        defaults = self._defaults_of(endpoint)
        added = read_operations(endpoint, path, auth=auth, has_enc_hook=defaults.encoder.enc_hook is not None)
        for operation in added:
            present = self._router.add(operation.method, operation.template, Route(operation, defaults))
            if present is not None:
                raise wiring_error(
                    f"{operation.name}.{operation.method.lower()}",
                    f"{operation.method} {operation.template.text} is {present.operation.name}'s already",
                    "Give one of them another path",
                )
        return added

    def entry(self, begin_stream: Callable[[Scope], None]) -> ASGIApp:
        """The application that answers requests: all of it, with the middleware around it."""
        dispatcher = Dispatcher(self._router, self.mounts, self.failures, begin_stream)
        return self.middleware.around(dispatcher, self.failures)

    def _defaults_of(self, endpoint: Any) -> StreamDefaults:
        policy = getattr(endpoint, "stream_policy", None)  # what is no endpoint is refused by its reader
        if policy is None:
            return self._defaults
        admission = Admission(policy.max_concurrent, self._defaults.streams)
        return msgspec.structs.replace(self._defaults, policy=policy, admission=admission)
