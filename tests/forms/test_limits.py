"""The limits of a form: what is just within them is read, and what exceeds them is refused with 413."""

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from jero import Endpoint, FormPolicy, WiringError
from jero.binding.multipart import MAX_HEADER_BYTES, MAX_HEADERS
from jero.http.asgi import Message
from jero.testing import AsyncTestClient
from tests.application import Application, ReadOnError, http_scope
from tests.forms.bodies import MULTIPART, Everything, field, file, multipart, part, read_multipart, read_urlencoded

NAMED = b'Content-Disposition: form-data; name="text"'
SMALL = FormPolicy(max_fields=2, max_files=2, max_file_bytes=4, max_text_bytes=200)


@pytest.mark.parametrize(
    ("within", "beyond", "found"),
    [
        ([field(b"text", b"")] * 2, [field(b"text", b"")], "more than 2 fields"),
        ([field(b"u", b"")] * 2, [field(b"v", b"")], "more than 2 fields"),
        ([file(b"files", b"a", b"")] * 2, [file(b"files", b"", b"")], "more than 2 files"),
        ([file(b"file", b"a", b"1234")], [file(b"file", b"a", b"12345")], "a file of more than 4 bytes"),
        ([file(b"unknown", b"a", b"1234")], [file(b"unknown", b"a", b"12345")], "a file of more than 4 bytes"),
        ([field(b"text", b"a" * 100)], [field(b"text", b"a" * 100)], "more than 200 bytes of names and texts"),
        ([field(b"u", b"a" * 100)], [field(b"u", b"a" * 100)], "more than 200 bytes of names and texts"),
        ([field(b"u" * 100, b"")], [field(b"u" * 100, b"")], "more than 200 bytes of names and texts"),
        ([file(b"file", b"a" * 100, b"")], [file(b"file", b"a" * 100, b"")], "more than 200 bytes of names and texts"),
    ],
    ids=[
        *("fields", "unknown fields", "files", "a file", "an unknown file", "texts", "unknown texts", "names"),
        "filenames",
    ],
)
def test_a_multipart_form_is_limited(within: list[bytes], beyond: list[bytes], found: str) -> None:
    assert isinstance(read_multipart([multipart(*within)], SMALL), list)
    whole = multipart(*within, *beyond)
    for chunks in ([whole], [whole[place : place + 1] for place in range(len(whole))]):
        status, detail = read_multipart(chunks, SMALL)
        assert status == 413
        assert found in detail


@pytest.mark.parametrize(
    ("within", "beyond", "found"),
    [
        (b"text=&other=", b"&u", "more than 2 fields"),
        (b"text=" + b"a" * 196, b"a", "more than 200 bytes of names and texts"),
        (b"u" * 200, b"u", "more than 200 bytes of names and texts"),
        (b"text=" + b"%41" * 65, b"%41", "more than 200 bytes of names and texts"),
    ],
)
def test_a_urlencoded_form_is_limited(within: bytes, beyond: bytes, found: str) -> None:
    assert isinstance(read_urlencoded([within], SMALL), list)
    whole = within + beyond
    for chunks in ([whole], [whole[place : place + 1] for place in range(len(whole))]):
        status, detail = read_urlencoded(chunks, SMALL)
        assert status == 413
        assert found in detail


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ([NAMED, *[b"A: b"] * (MAX_HEADERS - 1)], [NAMED, *[b"A: b"] * MAX_HEADERS]),
        ([NAMED, b"A: ".ljust(MAX_HEADER_BYTES, b"b")], [NAMED, b"A: ".ljust(MAX_HEADER_BYTES + 1, b"b")]),
        ([NAMED, b": b".rjust(MAX_HEADER_BYTES, b"A")], [NAMED, b": b".rjust(MAX_HEADER_BYTES + 1, b"A")]),
        ([NAMED, b"A:".ljust(MAX_HEADER_BYTES)], [NAMED, b"A:".ljust(MAX_HEADER_BYTES + 1)]),
    ],
    ids=["count", "value", "name", "space"],
)
def test_the_headers_of_a_part_are_limited(within: list[bytes], beyond: list[bytes]) -> None:
    assert read_multipart([multipart(part(b"a", *within), part(b"a", *within))]) == [("text", "a")] * 2
    whole = multipart(part(b"a", *beyond))
    results = {read_multipart([whole]), read_multipart([whole[place : place + 1] for place in range(len(whole))])}
    assert [status for status, _ in results] == [400]


class Uploads(Endpoint, path="/"):
    form_policy: ClassVar = FormPolicy(max_bytes=1_000)
    max_body_bytes: ClassVar[int] = 1

    async def post(self, form: Everything) -> int:
        return 0 if form.file is None else form.file.size


async def in_two(first: bytes, second: bytes) -> AsyncIterator[bytes]:
    for chunk in (first, second):
        yield chunk


async def test_the_size_of_a_body_is_limited_by_the_policy_alone() -> None:
    body = multipart(file(b"file", b"a", b"a" * 500))
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    async with AsyncTestClient(Application(Uploads())) as client:
        answers = [
            await client.post("/", content=body.ljust(1_000), headers=headers),
            await client.post("/", content=body.ljust(1_001), headers=headers),
            await client.post("/", content=in_two(body, b" " * (1_000 - len(body))), headers=headers),
            await client.post("/", content=in_two(body, b" " * (1_001 - len(body))), headers=headers),
        ]
    assert [answer.status_code for answer in answers] == [200, 413, 200, 413]
    assert answers[1].json() == answers[3].json()
    assert answers[1].json()["detail"] == "The body is larger than 1000 bytes."
    assert answers[3].headers["connection"] == "close"


@pytest.mark.parametrize("limit", FormPolicy.__struct_fields__)
def test_a_limit_that_is_not_positive_is_refused(limit: str) -> None:
    with pytest.raises(ValueError, match=f"{limit}=0"):
        FormPolicy(**{limit: 0})


def test_a_policy_that_is_a_dict_is_refused() -> None:
    with pytest.raises(WiringError, match=r"Write form_policy = FormPolicy\(\.\.\.\)"):
        type("Wrong", (Endpoint,), {"form_policy": {"max_bytes": 1}})


class Client:
    """A client that sends these parts of a body, and counts how often a part is received."""

    def __init__(self, *parts: bytes, content_length: int) -> None:
        self._parts = list(parts)
        self.asked = 0
        self.status = 0
        self.scope = http_scope(
            "POST", headers=[(b"content-type", MULTIPART), (b"content-length", b"%d" % content_length)]
        )

    async def receive(self) -> Message:
        self.asked += 1
        if not self._parts:
            raise ReadOnError
        return {"type": "http.request", "body": self._parts.pop(0), "more_body": bool(self._parts)}

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)

    async def call(self) -> tuple[int, int]:
        """Returns the status, and how often the client was asked for a part."""
        app = Application(Uploads())
        async with app.lifespan():
            await app(self.scope, self.receive, self.send)
        return self.status, self.asked


async def test_a_form_that_announces_too_much_is_refused_before_it_is_read() -> None:
    assert await Client(content_length=1_001).call() == (413, 1)  # for the rest of the body, which is dropped
    assert await Client(multipart(), content_length=1_000).call() == (200, 1)


async def test_the_rest_of_a_refused_form_is_received_and_nothing_after_it() -> None:
    assert await Client(b"malformed", b"more", b"the end", content_length=100).call() == (400, 3)
    wrong = multipart(field(b"file", b"a text"))
    assert await Client(wrong[:50], wrong[50:], content_length=len(wrong)).call() == (422, 2)
