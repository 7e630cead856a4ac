"""An endpoint that answers all errors as the clients of another API expect, beside one that answers with problems."""

from typing import Literal

from msgspec import Struct

from jero import BaseApp, Endpoint, HTTPError, JSONResponse


class Message(Struct):
    role: Literal["user", "assistant"]
    content: str


class Request(Struct):
    messages: list[Message]


class Completion(Struct):
    message: Message


class Detail(Struct):
    message: str
    code: str


class ChatError(Struct):
    """The body of an error in the dialect of the chat's clients."""

    error: Detail


class ModelOverloaded(Exception):
    """Raised if the model has no time."""


class ChatEndpoint(Endpoint, path="/v1/chat/completions"):
    async def post(self, json: Request) -> Completion:
        if len(json.messages) > 3:
            raise ModelOverloaded
        return Completion(Message("assistant", "Hello!"))


class HealthEndpoint(Endpoint, path="/health"):
    async def get(self) -> str:
        return "well"


def chat_error(error: HTTPError) -> JSONResponse[ChatError]:
    detail = Detail(message=error.detail or error.title, code=error.type)
    return JSONResponse(content=ChatError(detail), status_code=error.status, raw_headers=error.headers)


def overloaded(error: ModelOverloaded) -> JSONResponse[ChatError]:
    detail = Detail(message="The model is overloaded.", code="overloaded")
    return JSONResponse(content=ChatError(detail), status_code=529)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ChatEndpoint(), exception_handlers={HTTPError: chat_error, ModelOverloaded: overloaded})
        self._include_endpoint(HealthEndpoint())


app = App()
