"""Litestar's application with many endpoints: a handler each."""

from litestar import Litestar, MediaType, get

from benchmarks.many_routes import SLOT


def declare(paths):
    handlers = [item_handler(path) if SLOT in path else newest_handler(path) for path in paths]
    return lambda: Litestar(handlers, openapi_config=None)


def item_handler(path):
    @get(path.replace(SLOT, "{item_id:int}"), media_type=MediaType.TEXT)
    async def answer(item_id: int) -> str:
        return "ok"

    return answer


def newest_handler(path):
    @get(path, media_type=MediaType.TEXT)
    async def answer() -> str:
        return "ok"

    return answer
