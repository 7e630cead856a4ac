"""Two groups of endpoints: one with the errors that clients of OpenAI's API expect, beside one with problems."""

from collections.abc import AsyncIterator

from msgspec import Struct

from jero import BaseApp, Endpoint, EventStreamResponse, Problem, Request, Unauthorized
from jero.auth import BearerAuth


class User(Struct, frozen=True):
    name: str


USERS = {"sk-right": User(name="Ada")}


class Keys(BearerAuth[User]):
    async def verify(self, token: str) -> User:
        if token not in USERS:
            raise Unauthorized("Incorrect API key provided.")
        return USERS[token]


class Prompt(Struct):
    prompt: str


class Chunk(Struct):
    text: str


class Model(Struct):
    id: str


class Error(Struct):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class OpenAIError(Struct):
    """The body of every error of OpenAI's API."""

    error: Error


class CompletionsEndpoint(Endpoint, path="/completions"):
    async def post(self, json: Prompt) -> EventStreamResponse[Chunk]:
        """Completes a prompt, word by word."""
        return EventStreamResponse(stream=self._chunks(json.prompt))

    async def _chunks(self, prompt: str) -> AsyncIterator[Chunk]:
        for word in prompt.split():
            yield Chunk(text=word)


class ModelsEndpoint(Endpoint, path="/models"):
    async def get(self) -> list[Model]:
        """Lists the models."""
        return [Model(id="echo")]


class HealthEndpoint(Endpoint, path="/health"):
    auth = None  # open, although the group has an authenticator

    async def get(self) -> str:
        """Says that the server is well."""
        return "well"


class Place(Struct):
    tenant: str
    model: str


class TenantModelEndpoint(Endpoint, path="/models/{model}"):
    async def get(self, path: Place) -> str:
        """Describes a model of a tenant."""
        return f"{path.model} of {path.tenant}"


def openai_error(problem: Problem, request: Request) -> OpenAIError:
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    message = f"{problem.detail or problem.title} ({request.method} {request.path})"
    return OpenAIError(Error(message=message, type=kind, code=problem.type))


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_group(
            "/v1",
            CompletionsEndpoint(),
            ModelsEndpoint(),
            HealthEndpoint(),
            auth=Keys(),
            tags=["openai"],
            problems=openai_error,
        )
        self._include_group("/tenants/{tenant}", TenantModelEndpoint(), tags=["tenants"])
        self._include_openapi(title="Models", version="1.0.0")


app = App()
