"""A parameter whose name jero does not bind: the error says what to write instead, in one sentence."""

from typing import Any

import pytest

from jero import WiringError
from jero.auth import BearerAuth
from jero.contract.dependencies import Dependencies
from jero.contract.operation import resolved
from tests.contract.declared import Actor, read


class Actors(BearerAuth[Actor]):
    async def verify(self, token: str) -> Actor:
        raise NotImplementedError


class Names(BearerAuth[str]):
    async def verify(self, token: str) -> str:
        raise NotImplementedError


def refusal(parameter: str, method: str = "post", auth: Any = None) -> str:
    """Returns the error of a handler that has the parameter."""
    with pytest.raises(WiringError) as raised:
        resolved(read(f"async def {method}(self, {parameter}) -> str", auth=auth), Dependencies())
    return str(raised.value)


FIELD = "with a Struct P that has the field"
DEPENDENCY = "in _wire: self._include_dependency(factory)"


@pytest.mark.parametrize(
    ("parameter", "instead"),
    [
        ("body: Movie", "Write json: Movie"),
        ("data: dict[str, int]", "Write json: dict[str, int]"),
        ("payload: Any", "Write json: Any"),
        ("item: Movie | None", "Write json: Movie | None"),
        ("body", "Write json: Item, with the type of the body"),
        ("body: bytes", "Write content: bytes"),
        ("lines: AsyncIterator[Movie]", "Write items: AsyncIterator[Movie]"),
        ("chunks: AsyncIterator[bytes]", "Write content: AsyncIterator[bytes]"),
        ("movie: Movie", f"Write json: Movie if it is the body, or include a factory of Movie {DEPENDENCY}"),
        (
            "movies: list[Movie]",
            f"Write json: list[Movie] if it is the body, or include a factory of list[Movie] {DEPENDENCY}",
        ),
        ("query: Movie", "Write params: Movie"),
        ("q: str", f"Write params: P, {FIELD} q: str"),
        ("q", f"Write params: P, {FIELD} q"),
        ("query_params: dict[str, str]", "Write params: P, with a Struct P that has a field for each value"),
        ("limit: int", f"Write params: P, {FIELD} limit: int"),
        ("ids: list[int]", f"Write params: P, {FIELD} ids: list[int]"),
        ("movie_id: int", f"Write path: P, {FIELD} movie_id: int"),
        ("movie_id", f"Write path: P, {FIELD} movie_id"),
        ("slots: Slots", "Write path: Slots"),
        ("req: Request", "Write request: Request"),
        ("file: UploadFile", "Write form: F, with a Struct F that has the field file: UploadFile"),
        ("session: Foreign", f"Include a factory of Foreign {DEPENDENCY}"),
        ("session: Annotated[Movie, 'reports']", f'Include a factory of Annotated[Movie, "reports"] {DEPENDENCY}'),
        ("movie", "Use one of path, params, headers, cookies, json, items, content, form, user, request"),
    ],
)
def test_the_error_says_what_to_write(parameter: str, instead: str) -> None:
    message = refusal(parameter)
    assert message.startswith("MoviesEndpoint.post: jero cannot bind the parameter ")
    assert parameter in message.replace('"', "'")
    assert message.endswith(f". {instead}.")


@pytest.mark.parametrize(
    ("parameter", "instead"),
    [
        ("body: Movie", "Write params: Movie"),
        ("movie: Movie", f"Write params: Movie if it is the query, or include a factory of Movie {DEPENDENCY}"),
        ("data: dict[str, str]", "Write params: P, with a Struct P that has a field for each value"),
        ("movie_id: int", f"Write path: P, {FIELD} movie_id: int"),
        ("limit: int", f"Write params: P, {FIELD} limit: int"),
        ("session: Foreign", f"Include a factory of Foreign {DEPENDENCY}"),
    ],
)
def test_a_get_has_no_body(parameter: str, instead: str) -> None:
    assert refusal(parameter, "get").endswith(f". {instead}.")


@pytest.mark.parametrize(
    ("parameter", "auth", "instead"),
    [
        ("current: Actor", Actors(), "Write user: Actor"),
        ("current_user: str", Names(), "Write user: str"),
        ("q: str", Names(), f"Write params: P, {FIELD} q: str"),
    ],
)
def test_the_type_of_the_user_is_known(parameter: str, auth: Any, instead: str) -> None:
    assert refusal(parameter, auth=auth).endswith(f". {instead}.")


@pytest.mark.parametrize("name", ["json", "params", "path", "headers", "cookies", "form", "body", "anything"])
@pytest.mark.parametrize("annotation", ["Model", "Modelled", "list[Model]", "Model | None"])
def test_a_pydantic_model_is_named_wherever_it_stands(name: str, annotation: str) -> None:
    message = refusal(f"{name}: {annotation}")
    assert message.endswith(f"parameter '{name}': Model is a Pydantic model. Write a Struct with its fields.")


@pytest.mark.parametrize(
    "annotation", ["Model", "list[Model]", "AsyncIterator[Model]", "JSONResponse[Model]", "JSONResponse[Movie, Model]"]
)
def test_a_pydantic_model_is_named_if_it_is_returned(annotation: str) -> None:
    with pytest.raises(WiringError, match=r": Model is a Pydantic model\. Write a Struct with its fields\.$"):
        read(f"async def get(self) -> {annotation}")


def test_a_pydantic_model_may_be_returned_if_an_enc_hook_writes_it() -> None:
    assert read("async def get(self) -> Model", has_enc_hook=True).outputs
