"""The ceiling's application with many endpoints: a table of the paths that are requested, and no templates."""

from collections.abc import Callable, Sequence

from benchmarks.in_process import App
from benchmarks.many_routes import BODY, requested
from benchmarks.subjects.ceiling_app import Receive, Scope, Send, answer


def declare(paths: Sequence[str]) -> Callable[[], App]:
    def build() -> App:
        table = {("GET", requested(path)): ok for path in paths}

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
            else:
                await table[scope["method"], scope["path"]](scope, receive, send)

        return app

    return build


async def ok(_: Scope, __: Receive, send: Send) -> None:
    await answer(BODY, (b"content-type", b"text/plain; charset=utf-8"), send)
