"""Starlette's application with many endpoints: a function and a `Route` each."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.many_routes import SLOT


def declare(paths):
    endpoints = [(path.replace(SLOT, "{item_id:int}"), handler()) for path in paths]
    return lambda: Starlette(routes=[Route(path, endpoint) for path, endpoint in endpoints])


def handler():
    async def answer(request: Request) -> Response:
        return PlainTextResponse("ok")

    return answer
