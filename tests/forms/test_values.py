"""Forms become Structs: texts as in params, files as they are; what does not fit is refused with 422."""

from collections.abc import Iterator
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from jero import Endpoint, UploadFile, WiringError
from jero.contract.operation import read_operations
from jero.testing import TestClient
from tests.application import Application


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Order(Struct, rename="camel"):
    item_name: str
    count: Annotated[int, Meta(ge=1)] = 1
    is_gift: bool = False
    day: date | None = None
    size: Size = Size.SMALL
    price: int | float | None = None
    way: Literal["post", "van"] = "post"
    tags: list[str] = []
    numbers: set[int] = set()
    pair: tuple[int, str] | None = None


class Strict(Struct, forbid_unknown_fields=True):
    text: str = ""


class Album(Struct):
    cover: UploadFile
    tracks: list[UploadFile] = []
    notes: UploadFile | None = None
    title: str = ""


class Loose(Struct):
    anything: Any


class Several(Struct):
    some: tuple[UploadFile, ...] | None = None


class Orders(Endpoint, path="/orders"):
    async def post(self, form: Order) -> Order:
        return form


class Stricts(Endpoint, path="/strict"):
    async def post(self, form: Strict) -> str:
        return form.text


class Albums(Endpoint, path="/albums"):
    async def post(self, form: Album) -> list[str]:
        files = [form.cover, *form.tracks, *([] if form.notes is None else [form.notes])]
        return [form.title] + [f"{file.filename} {(await file.read()).decode()}" for file in files]

    async def patch(self, form: Loose) -> str:
        file = form.anything
        return (await file.read()).decode() if isinstance(file, UploadFile) else str(file)

    async def put(self, form: Several) -> int:
        return len(form.some or ())


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Application(Orders(), Stricts(), Albums())) as client:
        yield client


SENT = {"itemName": "tea", "count": "2", "isGift": "true", "day": "2026-11-28", "size": "large", "price": "1.5"}
MORE = {"way": "van", "tags": ["a", "b"], "numbers": ["1", "2", "2"], "pair": ["1", "x"]}
READ = {"itemName": "tea", "count": 2, "isGift": True, "day": "2026-11-28", "size": "large", "price": 1.5}
MORE_READ = {"way": "van", "tags": ["a", "b"], "numbers": [1, 2], "pair": [1, "x"]}
AS_MULTIPART = {"files": {"unknown": b"makes it multipart"}}


@pytest.mark.parametrize("options", [{}, AS_MULTIPART], ids=["urlencoded", "multipart"])
def test_texts_are_converted(client: TestClient, options: dict[str, Any]) -> None:
    assert client.post("/orders", data={**SENT, **MORE}, **options).json() == {**READ, **MORE_READ}


@pytest.mark.parametrize("options", [{}, AS_MULTIPART], ids=["urlencoded", "multipart"])
def test_fields_that_are_not_sent_have_their_defaults(client: TestClient, options: dict[str, Any]) -> None:
    found = client.post("/orders", data={"itemName": "tea"}, **options).json()
    assert (found["count"], found["tags"], found["day"]) == (1, [], None)


@pytest.mark.parametrize("options", [{}, AS_MULTIPART], ids=["urlencoded", "multipart"])
@pytest.mark.parametrize(
    ("data", "loc", "message"),
    [
        ({}, ["form", "itemName"], "Object missing required field `itemName`"),
        ({"itemName": "a", "count": "0"}, ["form", "count"], "Expected `int` >= 1"),
        ({"itemName": "a", "count": "two"}, ["form", "count"], "Expected `int`, got `str`"),
        ({"itemName": "a", "count": ""}, ["form", "count"], "Expected `int`, got `str`"),
        ({"itemName": "a", "size": "huge"}, ["form", "size"], "Invalid enum value 'huge'"),
        ({"itemName": "a", "numbers": ["1", "x"]}, ["form", "numbers", 1], "Expected `int`, got `str`"),
        ({"itemName": "a", "pair": ["1", "x", "y"]}, ["form", "pair"], "Expected `array` of length 2, got 3"),
    ],
)
def test_a_field_that_does_not_fit_is_named(
    client: TestClient, options: dict[str, Any], data: dict[str, str], loc: list[str], message: str
) -> None:
    answer = client.post("/orders", data={**data, "unknown": ""}, **options)
    fault = answer.json()["errors"][0]
    assert (answer.status_code, answer.json()["type"]) == (422, "unprocessable-content")
    assert (fault["loc"], fault["msg"]) == (loc, message)


def test_the_last_of_a_repeated_field_counts(client: TestClient) -> None:
    assert client.post("/orders", data={"itemName": ["a", "b"]}).json()["itemName"] == "b"
    files = [("cover", ("a", b"1")), ("cover", ("b", b"2"))]
    assert client.post("/albums", files=files).json() == ["", "b 2"]


@pytest.mark.parametrize("options", [{"data": {"other": ""}}, {"files": {"other": b""}}], ids=["urlencoded", "a file"])
def test_a_struct_may_forbid_other_names(client: TestClient, options: dict[str, Any]) -> None:
    answer = client.post("/strict", **options)
    assert (answer.status_code, answer.json()["errors"][0]["msg"]) == (422, "Object contains unknown field `other`")


def test_files_are_read(client: TestClient) -> None:
    files = [("tracks", ("b", b"2")), ("cover", ("a", b"1")), ("tracks", ("c", b"3")), ("notes", ("d", b""))]
    assert client.post("/albums", files=files, data={"title": "x"}).json() == ["x", "a 1", "b 2", "c 3", "d "]
    assert client.put("/albums", files=[("some", b"1"), ("some", b"2")]).json() == 2
    assert client.put("/albums", data={"unknown": "a"}).json() == 0


def test_a_field_of_any_type_gets_what_is_sent(client: TestClient) -> None:
    assert client.patch("/albums", files={"anything": b"a"}).text == "a"
    assert client.patch("/albums", data={"anything": "1"}).text == "1"


@pytest.mark.parametrize(
    ("options", "loc", "message"),
    [
        ({"data": {"title": "a"}}, ["form", "cover"], "Object missing required field `cover`"),
        ({"data": {"cover": "a"}}, ["form", "cover"], "Expected `file`, got `str`"),
        ({"files": {"cover": b"", "title": b"a"}}, ["form", "title"], "Expected `str`, got `file`"),
        ({"files": {"cover": b""}, "data": {"tracks": "a"}}, ["form", "tracks", 0], "Expected `file`, got `str`"),
    ],
)
def test_a_text_is_not_a_file(client: TestClient, options: dict[str, Any], loc: list[Any], message: str) -> None:
    fault = client.post("/albums", **options).json()["errors"][0]
    assert (fault["loc"], fault["msg"]) == (loc, message)


def test_many_values_of_one_hash_are_refused(client: TestClient) -> None:
    prime = (1 << 61) - 1
    numbers = [str(1 + count * prime) for count in range(1, 200)]
    answer = client.post("/orders", data={"itemName": "a", "numbers": numbers})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["form"])


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("", 415),
        ("application/json", 415),
        ("multipart/mixed; boundary=edge", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ('multipart/form-data; boundary="', 400),
        ("multipart/form-data; boundary=a; boundary=b", 400),
        ("multipart/form-data; boundary=edge; charset=latin-1", 415),
        ("application/x-www-form-urlencoded; charset=latin-1", 415),
        ("application/x-www-form-urlencoded; charset=UTF-8", 200),
        ("Application/X-WWW-Form-Urlencoded", 200),
        ('MULTIPART/form-data; charset=utf-8; Boundary="edge"', 200),
    ],
)
def test_the_content_type_decides(client: TestClient, content_type: str | None, status: int) -> None:
    is_urlencoded = (content_type or "").lower().startswith("application/x")
    body = b"text=a" if is_urlencoded else b'--edge\r\nContent-Disposition: form-data; name="text"\r\n\r\na\r\n--edge--'
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = client.post("/strict", content=body, headers=headers)
    assert answer.status_code == status
    assert status != 200 or answer.text == "a"


def test_an_encoded_body_is_refused(client: TestClient) -> None:
    answer = client.post("/strict", data={"text": "a"}, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")


class Foreign:
    """A class that msgspec does not know."""


class WithForeign(Struct):
    file: UploadFile
    foreign: Foreign


class Nested(Struct):
    order: Order


class Mixed(Struct):
    file: UploadFile | str


class Listed(Struct, array_like=True):
    text: str


@pytest.mark.parametrize(
    ("type_", "found"),
    [
        (str, "parameter 'form': its type is str, which is not a Struct. Annotate it with a Struct"),
        (UploadFile, "parameter 'form': its type is UploadFile, which is not a Struct"),
        (WithForeign, "parameter 'form': WithForeign contains Foreign, a class that msgspec does not know"),
        (Nested, "the field 'order' of Nested is of type Order, which a field of a form cannot fill"),
        (Mixed, "msgspec cannot use Mixed"),
        (Listed, "Listed is array_like"),
    ],
)
def test_a_struct_that_no_form_can_fill_is_refused(type_: Any, found: str) -> None:
    async def post(self: object, form: Any) -> None: ...

    post.__annotations__["form"] = type_
    endpoint = type("Wrong", (Endpoint,), {"post": post}, path="/")()
    with pytest.raises(WiringError) as refused:
        read_operations(endpoint, None, has_enc_hook=False)
    assert found in str(refused.value)


def test_a_form_is_the_only_body_and_get_has_none() -> None:
    async def post(self: object, form: Strict, json: Strict) -> None: ...

    async def get(self: object, form: Strict) -> None: ...

    for handler, found in ((post, "form and json would both read the body"), (get, "a GET request has no body")):
        endpoint = type("Wrong", (Endpoint,), {handler.__name__: handler}, path="/")()
        with pytest.raises(WiringError, match=found):
            read_operations(endpoint, None, has_enc_hook=False)
