"""Bodies of multipart/form-data: what is read from them, and how malformed ones are refused."""

from typing import Any

import pytest

from tests.forms.bodies import field, file, multipart, part, read_multipart

NAMED = b'Content-Disposition: form-data; name="text"'


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (multipart(), []),
        (multipart(field(b"text", b"")), [("text", "")]),
        (multipart(field(b"text", b"a\r\nb\n\rc")), [("text", "a\r\nb\n\rc")]),
        (multipart(field(b"text", b"--edge")), [("text", "--edge")]),
        (multipart(field(b"text", b"\r\n--edg")), [("text", "\r\n--edg")]),
        (multipart(field(b"text", b"a"), field(b"text", b"b")), [("text", "a"), ("text", "b")]),
        (multipart(field(b"text", "caf\u00e9 \U0001f375".encode())), [("text", "caf\u00e9 \U0001f375")]),
        (multipart(file(b"file", b"a.csv", b"\x00\xff")), [("file", ("a.csv", "text/csv", b"\x00\xff"))]),
        (multipart(file(b"file", b"empty", b"")), [("file", ("empty", "text/csv", b""))]),
        (multipart(file(b"file", b"", b"a")), [("file", ("", "text/csv", b"a"))]),
        (multipart(file(b"file", b"", b"")), []),
        (
            multipart(file(b"file", "\u6587\u66f8.txt".encode(), b"a")),
            [("file", ("\u6587\u66f8.txt", "text/csv", b"a"))],
        ),
        (multipart(file(b"file", b"../../etc/passwd", b"")), [("file", ("../../etc/passwd", "text/csv", b""))]),
        (multipart(part(b"a", NAMED + b'; filename="b"')), [("text", ("b", None, b""))]),
        (multipart(file(b"unknown", b"b", b"not kept")), [("unknown", ("b", "text/csv", b""))]),
        (multipart(field(b"unknown", b"not kept")), [("unknown", "")]),
    ],
    ids=[
        *("no parts", "an empty text", "line breaks", "a boundary without a line", "half a boundary", "a name twice"),
        *("characters beyond ASCII", "a file", "an empty file", "a file without a name", "no file was chosen"),
        *("a filename beyond ASCII", "a filename that is a path", "a file for a text", "an unknown file"),
        "an unknown field",
    ],
)
def test_entries_are_read(body: bytes, found: list[Any]) -> None:
    assert read_multipart([body]) == found


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([b"content-disposition: FORM-DATA; NAME=text"], "text"),
        ([b"Content-Disposition:form-data;name=text;"], "text"),
        ([b"Content-Disposition: \t form-data ; name = text ; \t"], "text"),
        ([NAMED, b"X-Unknown: a", b"Content-Length: 1"], "text"),
        ([NAMED, b"Content-Type: text/plain; charset=UTF-8"], "text"),
        ([NAMED, b'Content-Type: text/plain; charset="us-ascii"'], "text"),
        ([NAMED, b"Content-Transfer-Encoding: 8BIT"], "text"),
        ([rb'Content-Disposition: form-data; name="a\"b"'], 'a"b'),
        ([rb'Content-Disposition: form-data; name="a\\b"'], r"a\b"),
        ([rb'Content-Disposition: form-data; name="C:\path"'], r"C:\path"),
        ([b'Content-Disposition: form-data; name="a;b=c"'], "a;b=c"),
        ([b'Content-Disposition: form-data; name="a%22b"'], "a%22b"),
        ([b'Content-Disposition: form-data; name=""'], ""),
        ([b'Content-Disposition: form-data; name="a\x01\tb\x7f"'], "a\x01\tb\x7f"),
        ([b"Content-Disposition: form-data; name*=UTF-8''other; name=text"], "text"),
        ([NAMED + b"; filename*=UTF-8''b.txt"], "text"),
    ],
    ids=[
        *("case", "no spaces", "many spaces", "unknown headers", "UTF-8", "ASCII", "an encoding that changes nothing"),
        *(
            "a quoted quote",
            "a quoted backslash",
            "other backslashes",
            "separators in quotes",
            "percent",
            "an empty name",
            "control characters",
        ),
        *("an extended name", "an extended filename"),
    ],
)
def test_the_headers_of_a_part_are_read(headers: list[bytes], found: str) -> None:
    text = "a" if found == "text" else ""
    assert read_multipart([multipart(part(b"a", *headers))]) == [(found, text)]


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\n", b"\r\n\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"\r\nepilogue", b"anything", b"\r\n--edge\r\n"])
def test_line_breaks_before_the_body_and_anything_after_it_are_passed_over(before: bytes, after: bytes) -> None:
    body = multipart(field(b"text", b"a"))
    assert read_multipart([before + body + after]) == [("text", "a")]


def test_space_after_a_boundary_is_passed_over() -> None:
    body = multipart(field(b"text", b"a"), field(b"text", b"b")).replace(b"a\r\n--edge", b"a\r\n--edge \t")
    assert read_multipart([body]) == [("text", "a"), ("text", "b")]


MALFORMED = {
    "nothing": b"",
    "a preamble": b"preamble\r\n" + multipart(field(b"text", b"a")),
    "a preamble after a line break": b"\r\npreamble\r\n" + multipart(field(b"text", b"a")),
    "another boundary": multipart(field(b"text", b"a"), boundary=b"other"),
    "a longer boundary": multipart(field(b"text", b"a"), boundary=b"edges"),
    "line breaks of one character": multipart(field(b"text", b"a")).replace(b"\r\n", b"\n"),
    "carriage returns alone": multipart(field(b"text", b"a")).replace(b"\r\n", b"\r"),
    "no final boundary": multipart(field(b"text", b"a"))[:-2] + b"\r\n",
    "no headers": multipart(b"\r\na"),
    "no blank line": b"--edge\r\n" + NAMED + b"\r\na\r\n--edge--",
    "a header without a colon": multipart(part(b"a", NAMED, b"Nonsense")),
    "a header without a name": multipart(part(b"a", NAMED, b": a")),
    "a space before the colon": multipart(part(b"a", b"Content-Disposition : form-data; name=text")),
    "a header on two lines": multipart(part(b"a", b"Content-Disposition: form-data;", b" name=text")),
    "NUL": multipart(part(b"a", NAMED, b"A: b\x00")),
    "a line feed in a header": multipart(part(b"a", NAMED + b"\nA: b")),
    "no Content-Disposition": multipart(part(b"a", b"Content-Type: text/plain")),
    "an empty Content-Disposition": multipart(part(b"a", b"Content-Disposition:")),
    "another disposition": multipart(part(b"a", b"Content-Disposition: attachment; name=text")),
    "no name": multipart(part(b"a", b"Content-Disposition: form-data")),
    "only an extended name": multipart(part(b"a", b"Content-Disposition: form-data; name*=UTF-8''text")),
    "a filename alone": multipart(part(b"a", b"Content-Disposition: form-data; filename=a")),
    "a name twice": multipart(part(b"a", b"Content-Disposition: form-data; name=text; name=other")),
    "a filename twice": multipart(part(b"a", NAMED + b"; filename=a; FILENAME=b")),
    "Content-Disposition twice": multipart(part(b"a", NAMED, NAMED)),
    "Content-Type twice": multipart(part(b"a", NAMED, b"Content-Type: text/plain", b"content-type: text/plain")),
    "an open quote": multipart(part(b"a", b'Content-Disposition: form-data; name="text')),
    "text after a quote": multipart(part(b"a", b'Content-Disposition: form-data; name="text"a')),
    "a space in a token": multipart(part(b"a", b"Content-Disposition: form-data; name=a b")),
    "a malformed Content-Type": multipart(part(b"a", NAMED, b'Content-Type: text/plain; charset="')),
    "a name that is not UTF-8": multipart(field(b"\xe9", b"a")),
    "a filename that is not UTF-8": multipart(file(b"file", b"\xe9", b"a")),
    "a text that is not UTF-8": multipart(field(b"text", b"\xe9")),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_body_is_refused(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    status, detail = read_multipart([body])
    assert status == 400
    assert detail.endswith((".", "`"))
    assert not caplog.records  # otherwise a client could fill the log


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: text/plain; charset=iso-8859-1",
        b"Content-Type: text/plain; charset=utf-16",
        b"Content-Type: text/plain; charset=nonsense",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
    ],
)
def test_a_part_in_another_encoding_is_refused(header: bytes) -> None:
    status, detail = read_multipart([multipart(part(b"a", NAMED, header))])
    assert status == 415
    assert "send the form in UTF-8, without an encoding" in detail


def test_the_charset_of_a_file_is_its_own() -> None:
    headers = [NAMED.replace(b"text", b"file") + b'; filename="a"', b"Content-Type: text/plain; charset=iso-8859-1"]
    body = multipart(part(b"\xe9", *headers))
    assert read_multipart([body]) == [("file", ("a", "text/plain; charset=iso-8859-1", b"\xe9"))]


@pytest.mark.parametrize("boundary", [b"a", b"-", b"a b", b"'()+_,-./:=?", b"-" * 70, b"a" * 256, b"*&!#$"])
def test_a_boundary_may_have_any_visible_characters(boundary: bytes) -> None:
    body = multipart(field(b"text", b"a"), field(b"text", b"b"), boundary=boundary)
    assert read_multipart([body], boundary=boundary) == [("text", "a"), ("text", "b")]


@pytest.mark.parametrize("boundary", [b"", b" ", b"a ", b" a", b"a\r\nb", b"a\x00", b"\xe9", b"a" * 257, b"a" * 10_000])
def test_a_boundary_that_cannot_be_one_is_refused(boundary: bytes) -> None:
    status, detail = read_multipart([multipart(boundary=boundary)], boundary=boundary)
    assert status == 400
    assert "boundary" in detail
