"""Falcon's application with many endpoints: a resource each."""

from falcon.asgi import App, Request, Response

from benchmarks.many_routes import SLOT


class Newest:
    async def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = "text/plain; charset=utf-8"
        resp.text = "ok"


class Item:
    async def on_get(self, req: Request, resp: Response, item_id: int) -> None:
        resp.content_type = "text/plain; charset=utf-8"
        resp.text = "ok"


def declare(paths):
    resources = [(path.replace(SLOT, "{item_id:int}"), Item() if SLOT in path else Newest()) for path in paths]

    def build():
        app = App()
        for path, resource in resources:
            app.add_route(path, resource)
        return app

    return build
