"""Endpoints of a group have its prefix, authenticator and exception handlers, unless they declare their own."""

from typing import Any, ClassVar

import pytest
from msgspec import Struct

from jero import Endpoint, NotFound, Problem, Request, Unauthorized
from jero.auth import BearerAuth, HTTPScheme
from jero.testing import TestClient
from tests.groups.dialect import App, Broken, Films, Tenant, Tokens, User, dialect


class Work(Struct):
    tenant: str
    work: int


class Works(Endpoint, path="/works/{work}"):
    async def get(self, path: Work, user: User) -> str:
        return f"{path.work} of {path.tenant} for {user.name}"


class OfTenant:
    """Admits a caller who sends the name of the tenant in the path."""

    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, path: Tenant, request: Request) -> User:
        if request.headers.get("authorization") != f"Bearer {path.tenant}":
            raise Unauthorized
        return User(path.tenant)


def test_the_slots_of_the_prefix_are_slots_of_the_paths() -> None:
    def wire(app: Any) -> None:
        app._include_group("/{tenant}/v1", Works(), auth=OfTenant(), problems=dialect)

    with TestClient(App(wire)) as client:
        right = client.get("/acme/v1/works/7", headers={"Authorization": "Bearer acme"})
        wrong = client.get("/other/v1/works/7", headers={"Authorization": "Bearer acme"})
        missing = client.get("/acme/v1/nothing")
        assert client.get("/acme/v2/nothing").json()["type"] == "not-found"
    assert right.text == "7 of acme for acme"
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "other")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "acme")


class Open(Endpoint, path="/open"):
    auth = None

    async def get(self) -> str:
        return "open"


class Others(BearerAuth[User]):
    async def verify(self, token: str) -> User:
        if token != "other":
            raise Unauthorized
        return User(token)


class Declared(Endpoint, path="/declared"):
    auth: ClassVar = Others()

    async def get(self, user: User) -> str:
        return user.name


class Bare(Endpoint, path="/bare"):
    async def get(self) -> str:
        return "bare"


def status(client: TestClient, path: str, token: str) -> int:
    return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def test_an_endpoint_that_declares_an_authenticator_or_none_has_that() -> None:
    def wire(app: Any) -> None:
        app._include_group("/v1", Open(), Declared(), Bare(), auth=Tokens())
        app._include_group("/v2", Declared(), Bare())
        app._include_endpoint(Declared())
        app._include_endpoint(Declared(), path="/given", auth=Tokens())

    with TestClient(App(wire)) as client:
        assert client.get("/v1/open").status_code == 200
        assert client.get("/v2/bare").status_code == 200
        assert client.get("/v1/bare").status_code == 401
        assert status(client, "/v1/bare", "right") == 200
        for path in ("/v1/declared", "/v2/declared", "/declared"):
            assert [status(client, path, token) for token in ("right", "other")] == [401, 200]
        assert [status(client, "/given", token) for token in ("right", "other")] == [200, 403]


class Root(Endpoint, path="/"):
    async def get(self) -> str:
        return "root"


def vault(failing: str) -> Endpoint:
    """Returns an endpoint with two properties, of which the one called `failing` reads what is not there."""

    class Vault(Endpoint, path="/vault"):
        async def get(self) -> str:
            return "gold"

    def declare(name: str, value: Any) -> None:
        def read(self: object) -> Any:
            if name == failing:
                raise AttributeError(f"it has no {name} yet")
            return value

        setattr(Vault, name, property(read))

    declare("auth", Tokens())
    declare("exception_handlers", {})
    return Vault()


@pytest.mark.parametrize("failing", ["auth", "exception_handlers"])
def test_an_endpoint_whose_authenticator_or_handlers_cannot_be_read_does_not_start(failing: str) -> None:
    app = App(lambda app: app._include_group("/v1", vault(failing)))
    with pytest.raises(RuntimeError, match=f"it has no {failing} yet"), TestClient(app):
        pass
    with TestClient(App(lambda app: app._include_group("/v1", vault("nothing")))) as client:
        assert client.get("/v1/vault").status_code == 401


def test_the_path_of_an_endpoint_at_the_root_is_the_prefix() -> None:
    def wire(app: Any) -> None:
        app._include_group("/v1", Root(), Bare())
        app._include_group("/", Root(), Bare())

    with TestClient(App(wire)) as client:
        paths = ("/v1", "/v1/", "/v1/bare", "/", "/bare")
        assert [client.get(path).text[:4] for path in paths] == ["root", '{"ty', "bare", "root", "bare"]


def test_one_class_is_in_two_groups_and_one_prefix_has_two_groups() -> None:
    def wire(app: Any) -> None:
        app._include_group("/v1", Bare(), auth=Tokens())
        app._include_group("/v2", Bare())
        app._include_group("/v1", Root())

    with TestClient(App(wire)) as client:
        assert [client.get(path).status_code for path in ("/v1/bare", "/v2/bare", "/v1")] == [401, 200, 200]


def render(problem: Problem) -> Problem:
    return problem


def swapped(request: Request, problem: Problem) -> Problem:
    return problem


def without() -> None: ...


MISTAKES: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    (
        (Bare(),),
        {},
        'the prefix is <*>, which is not a path. Give the prefix first: self._include_group("/v1", endpoint).',
    ),
    (("v1", Bare()), {}, "The path 'v1' does not begin with '/'. Write '/v1'."),
    (("", Bare()), {}, "The path '' does not begin with '/'. Write '/'."),
    (("/v1/", Bare()), {}, "the prefix '/v1/' ends with a slash. Write '/v1'."),
    (("/v{n}", Bare()), {}, "The segment 'v{n}' of the path '/v{n}' is neither a literal nor a slot."),
    (("/v1",), {}, '/v1 has no endpoint. Write self._include_group("/v1", endpoint).'),
    (("/v1", [Bare()]), {}, "got list. Give an instance of a subclass of Endpoint."),
    (("/v1", Bare), {}, "got Bare, a class. Write Bare(...), which makes an instance."),
    (("/v1", Bare()), {"tags": "films"}, "tags is 'films'. List strings: tags = [\"movies\"]."),
    (("/v1", Bare()), {"exception_handlers": [NotFound]}, "exception_handlers is of type list, and not a mapping."),
    (
        ("/v1", Bare()),
        {"problems": without},
        "problems=without does not take the problem as its first argument. Write ",
    ),
    (
        ("/v1", Bare()),
        {"problems": swapped},
        "problems=swapped does not take the problem as its first argument. Write ",
    ),
    (("/v1", Bare()), {"problems": "openai"}, "problems='openai' does not take the problem as its first argument."),
]


@pytest.mark.parametrize(("arguments", "options", "message"), MISTAKES)
def test_a_mistake_is_found_at_startup(arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    app = App(lambda app: app._include_group(*arguments, **options))
    with pytest.raises(RuntimeError) as refused, TestClient(app):
        pass
    before, _, after = f"WiringError: _include_group: {message}".partition("*")
    assert before in str(refused.value)
    assert after in str(refused.value)


def test_mistakes_of_endpoints_name_the_class() -> None:
    for endpoint, message in (
        (Works(), "Works.get: path: Work has the fields [tenant, work]"),
        (type("Named", (Bare,), {"path": "bare"})(), "Named: The path 'bare' does not begin with '/'"),
        (type("Twice", (Bare,), {"path": "/{v}"})(), "Twice: The path '/{v}/{v}' has two slots named 'v'"),
        (type("Guarded", (Bare,), {"auth": Tokens})(), "Guarded, auth: got Tokens, a class"),
        (type("Handling", (Bare,), {"exception_handlers": {}, "auth": 1})(), "Handling, auth int.authenticate"),
    ):

        def wire(app: Any, endpoint: Endpoint = endpoint) -> None:
            app._include_group("/{v}", endpoint, auth=Tokens())

        app = App(wire)
        with pytest.raises(RuntimeError) as refused, TestClient(app):
            pass
        assert f"WiringError: {message}" in str(refused.value)


def test_a_prefix_has_one_shape_of_problems() -> None:
    def twice(app: Any) -> None:
        app._include_group("/{a}", Bare(), problems=render)
        app._include_group("/{b}", Films(), problems=render)

    def differently(app: Any) -> None:
        app._include_group("/{a}", problems=render)
        app._include_group("/{b}", problems=dialect)

    with TestClient(App(twice)) as client:
        assert client.get("/a/nothing").headers["content-type"] == "application/json"
    with (
        pytest.raises(RuntimeError, match=r"/\{b\} has problems= already. Give it in one of the two calls"),
        TestClient(App(differently)),
    ):
        pass


def test_two_endpoints_of_one_path_are_refused() -> None:
    app = App(lambda app: app._include_group("/v1", Broken(), Broken()))
    with pytest.raises(RuntimeError, match="GET /v1/broken is the path of Broken already"), TestClient(app):
        pass
