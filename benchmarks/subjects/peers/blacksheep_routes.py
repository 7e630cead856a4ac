"""BlackSheep's application with many endpoints: a function each."""

from blacksheep import Application, Response, Router, text

from benchmarks.many_routes import SLOT


def declare(paths):
    endpoints = [(path, item_handler() if SLOT in path else newest_handler()) for path in paths]

    def build():
        router = Router()
        for path, endpoint in endpoints:
            router.add_get(path.replace(SLOT, "{int:item_id}"), endpoint)
        return Application(router=router)

    return build


def item_handler():
    async def answer(item_id: int) -> Response:
        return text("ok")

    return answer


def newest_handler():
    async def answer() -> Response:
        return text("ok")

    return answer
