"""Authenticators that the contract admits as plain data, or refuses at startup."""

import types
from typing import Any, Generic

import pytest
from msgspec import Struct
from typing_extensions import TypeVar

from jero import Unauthorized, WiringError
from jero.auth import APIKeyAuth, Auth, BasicAuth, BearerAuth, Expiring, HTTPScheme
from jero.auth.jwt import JWTAuth
from jero.contract.authentication import read_authentication
from jero.contract.inputs import Input
from tests.auth.asking import User

T = TypeVar("T")
K = TypeVar("K")
SECRET = "a secret of at least 32 bytes, it is"


class TokenHeaders(Struct):
    x_token: str


class Session(Struct):
    session: str | None = None


class Query(Struct):
    key: str | None = None


class Positional(Struct, array_like=True):
    key: str = ""


class Tokens(BearerAuth[T], Generic[T]):
    async def verify(self, token: str) -> T:
        raise Unauthorized


class Named(Tokens[User]):
    pass


class Twice(Tokens[dict[str, K]], Generic[K]):
    pass


class Filled(Twice[int]):
    pass


class Reused(Tokens[Expiring[T] | None], Generic[T]):
    pass


class Accounts(BasicAuth[User | None]):
    async def verify(self, username: str, password: str) -> User | None:
        return None


class Keyed(APIKeyAuth[T], Generic[T], query="key"):
    async def verify(self, key: str) -> T:
        raise Unauthorized


class Named2(Keyed[User]):
    pass


class Own:
    scheme = HTTPScheme(scheme="digest")

    async def authenticate(self, headers: TokenHeaders, *, cookies: Session, params: "Query") -> Expiring[User] | None:
        raise Unauthorized


class OwnGeneric(Generic[T]):
    scheme = HTTPScheme(scheme="bearer")

    async def authenticate(self, params: Query) -> T | None:
        raise Unauthorized


class OwnNamed(OwnGeneric[User]):
    pass


class Wrapping:
    """An authenticator that passes on the method of another."""

    scheme = HTTPScheme(scheme="bearer")

    def __init__(self, inner: Auth) -> None:
        self.authenticate = inner.authenticate


@pytest.mark.parametrize(
    ("auth", "user"),
    [
        (Named(), User),
        (Tokens[User](), User),
        (Tokens[User | None](), User | None),
        (Tokens[Expiring[User]](), User),
        (Tokens[Expiring[User | None]](), User | None),
        (Filled(), dict[str, int]),
        (Twice[str](), dict[str, str]),
        (Reused[User](), User | None),
        (Accounts(), User | None),
        (Keyed[User](), User),
        (Named2(), User),
        (JWTAuth[User](SECRET, algorithms=["HS256"]), User),
        (JWTAuth[User | None](SECRET, algorithms=["HS256"]), User | None),
        (JWTAuth[dict[str, Any]](SECRET, algorithms=["HS256"]), dict[str, Any]),
        (Own(), User | None),
        (Wrapping(Own()), User | None),
        (Wrapping(Tokens[User]()), User),
        (Wrapping(Named2()), User),
        (OwnNamed(), User | None),
        (OwnGeneric[User](), User | None),
        (Tokens[Any](), Any),
    ],
)
def test_the_type_of_the_user_is_read(auth: Any, user: Any) -> None:
    authentication = read_authentication(auth, "MoviesEndpoint")
    assert authentication.user == user
    assert authentication.authenticator is auth
    assert authentication.scheme is auth.scheme


def test_the_parameters_of_authenticate_are_inputs() -> None:
    assert read_authentication(Own(), "MoviesEndpoint").inputs == (
        Input("headers", TokenHeaders),
        Input("cookies", Session),
        Input("params", Query),
    )
    for keyed in (Named2(), Wrapping(Named2())):
        [key] = read_authentication(keyed, "MoviesEndpoint").inputs
        assert (key.name, key.type.__struct_fields__) == ("params", ("key",))


def test_an_api_key_auth_with_its_own_authenticate_needs_no_place() -> None:
    auth = subclass("Keys", APIKeyAuth[User], verify=Named.verify, authenticate=Own.authenticate, scheme=Own.scheme)
    assert [input_.name for input_ in read_authentication(auth, "MoviesEndpoint").inputs] == [
        "headers",
        "cookies",
        "params",
    ]


WRITE = "Write async def authenticate(self, headers: TokenHeaders) -> User."
NAMES = "headers, cookies, params, path, request"


class Nothing:
    scheme = HTTPScheme(scheme="bearer")


def declared(signature: str, **members: Any) -> Any:
    """Returns an authenticator with the method `signature`, which a type checker may refuse."""
    made: dict[str, Any] = {"scheme": HTTPScheme(scheme="bearer"), **members}
    exec(f"{signature}: ...", {**globals()}, made)
    return type("Checks", (), made)()


def subclass(name: str, base: Any, **members: Any) -> Any:
    """Returns an instance of a subclass that type checkers do not see."""
    return types.new_class(name, (base,), exec_body=lambda namespace: namespace.update(members))()


def bare(generic: Any) -> Any:
    """Returns an instance of a generic class without its type argument."""
    return generic()


REFUSED: list[tuple[Any, str]] = [
    (Named, ", auth: got Named, a class. Give an instance of it, Named(...)."),
    (Nothing(), " Nothing.authenticate: the method is missing. " + WRITE),
    ("token", " str.authenticate: the method is missing. " + WRITE),
    (declared("def authenticate(self, headers: Session) -> User"), ".authenticate: it is not async def. " + WRITE),
    (
        declared("async def authenticate(self) -> User"),
        f".authenticate: it has no parameter, so it reads nothing. Take one or more of {NAMES}.",
    ),
    (
        declared("async def authenticate(self, movie) -> User"),
        f".authenticate: the parameter 'movie' is not one of {NAMES}. Take one or more of them.",
    ),
    (
        declared("async def authenticate(self, headers: Session, json: Session) -> User"),
        f"is not one of {NAMES}. Take one or more of them.",
    ),
    (
        declared("async def authenticate(self, path: Session) -> User"),
        (
            ".authenticate: path: Session has the fields [session], but the template '/' has the slots []. "
            "Use the names of some of the slots."
        ),
    ),
    (declared("async def authenticate(self, *headers: Session) -> User"), "Take one or more of them."),
    (declared("async def authenticate(self, **params: Session) -> User"), "Take one or more of them."),
    (
        declared("async def authenticate(self, headers) -> User"),
        (
            ".authenticate: the parameter 'headers' has no annotation. "
            "Annotate it with a Struct, a field for each value."
        ),
    ),
    (
        declared("async def authenticate(self, cookies: dict[str, str]) -> User"),
        (
            ".authenticate, parameter 'cookies': its type is dict[str, str], which is not a Struct. "
            "Annotate it with a Struct, a field for each value."
        ),
    ),
    (
        declared("async def authenticate(self, params: Positional) -> User"),
        (
            ".authenticate, parameter 'params': Positional is array_like, so its fields are not read by name. "
            "Use a Struct that is not array_like."
        ),
    ),
    (
        declared("async def authenticate(self, headers: 'Missing') -> User"),
        (
            ".authenticate: an annotation cannot be read: name 'Missing' is not defined. "
            "Correct it, or define or import its names at the top of the module."
        ),
    ),
    (
        declared("async def authenticate(self, headers: Session)"),
        ".authenticate: the return annotation is missing. Annotate it with the type of the user.",
    ),
    (
        declared("async def authenticate(self, headers: Session) -> None"),
        ".authenticate: it returns None, which is not a user. Annotate it with the type of the user.",
    ),
    (
        declared("async def authenticate(self, headers: Session) -> Expiring"),
        (
            "the type of the user is unknown, because Checks has no type argument. "
            "Write class Checks(BearerAuth[User]), with the base that it has."
        ),
    ),
    (
        declared("async def authenticate(self, headers: Session) -> User", scheme=None),
        ' Checks: it has no scheme. Name how credentials are sent: scheme = HTTPScheme(scheme="bearer").',
    ),
    (
        declared("async def authenticate(self, headers: Session) -> User", scheme="bearer"),
        ' Checks: its scheme is of type str. Name how credentials are sent: scheme = HTTPScheme(scheme="bearer").',
    ),
    (
        declared("async def authenticate(self, headers: Session) -> User", realm="a\nb"),
        " Checks: its realm 'a\\nb' cannot be sent in a header. Use a plain name.",
    ),
    (
        declared("async def authenticate(self, headers: Session) -> User", realm="\u20ac"),
        " Checks: its realm '\u20ac' cannot be sent in a header. Use a plain name.",
    ),
    (
        bare(Tokens),
        (
            " Tokens.authenticate: the type of the user is unknown, because Tokens has no type argument. "
            "Write Tokens[User](...)."
        ),
    ),
    (Tokens["User"](), "Tokens has no type argument. Write Tokens[User](...)."),
    (
        subclass("Bare", Tokens),
        "Bare has no type argument. Write class Bare(BearerAuth[User]), with the base that it has.",
    ),
    (
        subclass("Placeless", APIKeyAuth[User], verify=Named.verify),
        (
            " Placeless: it does not name the place of its key. "
            'Write class Placeless(APIKeyAuth[User], header="X-API-Key"), or query= or cookie=.'
        ),
    ),
    (
        subclass("Blocking", BearerAuth[User], verify=len),
        " Blocking.verify: it is not async def. Write async def verify.",
    ),
]


@pytest.mark.parametrize(("auth", "message"), REFUSED)
def test_an_authenticator_that_cannot_work_is_refused(auth: Any, message: str) -> None:
    with pytest.raises(WiringError) as refused:
        read_authentication(auth, "MoviesEndpoint")
    text = str(refused.value)
    assert text.startswith("MoviesEndpoint, auth")
    assert message in text
    assert text.endswith(".")


def test_a_subclass_without_verify_cannot_be_created() -> None:
    with pytest.raises(TypeError, match="verify"):
        subclass("Empty", BearerAuth[User])
