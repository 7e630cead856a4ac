"""Another application behind an authenticator of jero: the application is only called for who is admitted."""

from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from jero import BaseApp, Unauthorized
from jero.auth import BearerAuth


class User(Struct, frozen=True):
    name: str


USERS = {"token-of-ada": User(name="Ada")}


class Tokens(BearerAuth[User]):
    async def verify(self, token: str) -> User:
        if token not in USERS:
            raise Unauthorized
        return USERS[token]


async def orders(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"the orders of {request.user.name}")


async def greet(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(f"Hello, {websocket.user.name}!")
    await websocket.close()


shop = Starlette(routes=[Route("/orders", orders), WebSocketRoute("/greetings", greet)])


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_app(shop, path="/shop", auth=Tokens())


app = App()
