"""A server that was given the class of an application, and not an instance, does not start, and shows what to write."""

from typing import Any, cast

import pytest

from jero import BaseApp, WiringError
from jero.http.asgi import Message, Scope
from tests.application import http_scope

SENTENCE = "App: the server was given the class. Write app = App(), and serve app."
LIFESPAN: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}}


class App(BaseApp):
    """Needs what a server does not know."""

    def __init__(self, database: str) -> None:
        super().__init__()
        self.database = database


async def sent(scope: Scope, *, is_called_twice: bool) -> list[Message]:
    """Returns what a server is sent that calls the class: with the scope alone (ASGI 2), or with all (ASGI 3)."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        messages.append(message)

    app: Any = App
    await (app(scope)(receive, send) if is_called_twice else app(scope, receive, send))
    return messages


@pytest.mark.parametrize("is_called_twice", [True, False])
async def test_the_startup_fails(*, is_called_twice: bool) -> None:
    [message] = await sent(LIFESPAN, is_called_twice=is_called_twice)
    assert message == {"type": "lifespan.startup.failed", "message": f"WiringError: {SENTENCE}"}


@pytest.mark.parametrize("is_called_twice", [True, False])
async def test_a_request_fails(*, is_called_twice: bool) -> None:
    with pytest.raises(WiringError) as refused:
        await sent(http_scope(), is_called_twice=is_called_twice)
    assert str(refused.value) == SENTENCE


@pytest.mark.parametrize("settings", [{"type": "production"}, {"type": "http", "port": 80}, {"type": ["http"]}])
def test_a_mapping_that_an_application_takes_is_no_scope(settings: dict[str, Any]) -> None:
    app = App(cast("str", settings))
    assert isinstance(app, App)
    assert vars(app)["database"] is settings


def test_arguments_of_the_application_are_its_own() -> None:
    assert App("sqlite://").database == App(database="sqlite://").database == "sqlite://"
