"""FastAPI's application with many endpoints: a path operation each."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from benchmarks.many_routes import SLOT


def declare(paths):
    endpoints = [(path, item_handler() if SLOT in path else newest_handler()) for path in paths]

    def build():
        app = FastAPI(openapi_url=None)
        for path, endpoint in endpoints:
            app.get(path, response_class=PlainTextResponse)(endpoint)
        return app

    return build


def item_handler():
    async def answer(item_id: int) -> str:
        return "ok"

    return answer


def newest_handler():
    async def answer() -> str:
        return "ok"

    return answer
