"""Requests that another site's page forges with a session cookie, and a middleware that refuses them."""

from collections.abc import Collection

from msgspec import Struct
from session_cookie import Reader, SessionEndpoint, Sessions

from jero import BaseApp, Endpoint, Forbidden, Request
from jero.http.asgi import ASGIApp, Receive, Scope, Send

SAFE = ("GET", "HEAD", "OPTIONS")


class SameOrigin:
    """Middleware: refuses requests that change something, if a browser sends them for a page of another origin."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if scope["type"] == "http" and request.method not in SAFE and self._is_foreign(request):
            raise Forbidden("This request comes from a page of another origin.")
        await self._app(scope, receive, send)

    def _is_foreign(self, request: Request) -> bool:
        origin = request.headers.get("Origin")
        if origin is not None:
            return origin not in self._origins
        # No browser leaves both out, so a request without them is from a program.
        return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


class Loan(Struct):
    title: str


class LoansEndpoint(Endpoint, path="/loans"):
    async def post(self, user: Reader, json: Loan) -> str:
        return f"{user.name} borrows {json.title}"


class App(BaseApp):
    async def _wire(self) -> None:
        sessions = Sessions()
        self._include_middleware(SameOrigin, origins={"https://library.example"})
        self._include_endpoint(SessionEndpoint(sessions))
        self._include_endpoint(LoansEndpoint(), auth=sessions)


app = App()
