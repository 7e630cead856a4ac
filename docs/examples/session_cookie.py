"""A session in a cookie, which a browser's EventSource sends automatically."""

import secrets
from collections.abc import AsyncIterator
from hashlib import sha256

from msgspec import Struct

from jero import APIKeyAuth, BaseApp, Cookie, Endpoint, Forbidden, NoContent, SSEResponse, Unauthorized


class Reader(Struct):
    name: str


class Login(Struct):
    name: str
    password: str


class Message(Struct):
    to: str
    text: str


class Sessions(APIKeyAuth[Reader], cookie="session"):
    """Stores a digest of each key, so that nobody can use a session by reading the store."""

    def __init__(self) -> None:
        self._readers: dict[bytes, Reader] = {}

    def begin(self, reader: Reader) -> str:
        key = secrets.token_urlsafe(32)
        self._readers[sha256(key.encode()).digest()] = reader
        return key

    async def verify(self, key: str) -> Reader:
        reader = self._readers.get(sha256(key.encode()).digest())
        if reader is None:
            raise Unauthorized
        return reader


class SessionEndpoint(Endpoint, path="/session"):
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def post(self, json: Login) -> NoContent:
        if not secrets.compare_digest(json.password.encode(), b"analytical engine"):
            raise Forbidden("Name or password is wrong.")
        key = self._sessions.begin(Reader(name=json.name))
        return NoContent(cookies=[Cookie(name="session", value=key, secure=True, same_site="strict")])


class MessagesEndpoint(Endpoint, path="/messages"):
    async def get(self, user: Reader) -> SSEResponse[Message]:
        return SSEResponse(stream=self._messages(user))

    async def _messages(self, user: Reader) -> AsyncIterator[Message]:
        for text in ("Your book is here.", "It is due on Friday."):
            yield Message(to=user.name, text=text)


class App(BaseApp):
    async def _wire(self) -> None:
        sessions = Sessions()
        self._include_endpoint(SessionEndpoint(sessions))
        self._include_endpoint(MessagesEndpoint(), auth=sessions)


app = App()
