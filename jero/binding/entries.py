"""The fields and files of a form, gathered as they arrive, within the limits of a `FormPolicy`."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from jero.annotations import custom_classes, holds_any
from jero.binding.faults import malformed_form, too_large_form, unread_encoding
from jero.binding.spool import Spool
from jero.http.upload import UploadFile
from jero.policy import FormPolicy

_CHARSETS: Final = (b"utf-8", b"utf8", b"us-ascii")


class Shape(Struct, frozen=True):
    """The names that a form may have.

    `files`: those whose values may be files. The content of other names, and of other files, is not kept.
    """

    names: frozenset[str]
    files: frozenset[str]


def shape_of(struct: type[Any]) -> Shape:
    """Returns the shape of the forms that fill the Struct."""
    fields = msgspec.structs.fields(struct)
    return Shape(
        names=frozenset(field.encode_name for field in fields),
        files=frozenset(field.encode_name for field in fields if _takes_files(field.type)),
    )


def _takes_files(annotation: Any) -> bool:
    return UploadFile in custom_classes(annotation) or holds_any(annotation)


class Entries:
    """Gathers the entries of one form. Call `begin`, `add` for each part of the value, and `end`; or `add_field`.

    `pairs`: the name and the value of each entry. If the Struct has no field of that name, or if a file is sent for a
    text, the value is empty.
    """

    def __init__(self, shape: Shape, policy: FormPolicy, spool: Spool) -> None:
        self.pairs: list[tuple[str, str | UploadFile]] = []
        self._shape = shape
        self._policy = policy
        self._spool = spool
        self._fields = 0
        self._files = 0
        self._text_bytes = 0
        self._name = ""
        self._filename: str | None = None
        self._content_type: str | None = None
        self._is_kept = False
        self._text = bytearray()
        self._start = 0
        self._size = 0

    def begin(self, name: str, filename: str | None = None, content_type: str | None = None) -> None:
        """Begins an entry: a file if it has a `filename`, which may be empty, and otherwise a field.

        Raises `ContentTooLarge` if the form has too many.
        """
        self._name, self._filename, self._content_type = name, filename, content_type
        self._text.clear()
        self._start, self._size = self._spool.size, 0
        if filename is None:
            self._is_kept = name in self._shape.names
            self._count_field()
        else:
            self._is_kept = name in self._shape.files
            self._files += 1
            if self._files > self._policy.max_files:
                raise too_large_form(f"has more than {self._policy.max_files} files")

    def add(self, data: bytes) -> None:
        """Adds a part of the value. Raises `ContentTooLarge` if it is too large."""
        if self._filename is None:
            self.count_text(len(data))
            if self._is_kept:
                self._text += data
            return
        self._size += len(data)
        limit = self._policy.max_file_bytes
        if limit is not None and self._size > limit:
            raise too_large_form(f"has a file of more than {limit} bytes", self._name)
        if self._is_kept:
            self._spool.add(data)

    def end(self) -> None:
        """Ends an entry. Raises `MalformedRequest` if a text is not UTF-8."""
        if self._filename is None:
            self.pairs.append((self._name, in_utf_8(bytes(self._text), "The value", self._name)))
        elif self._filename or self._size:  # a browser sends neither if no file was chosen (WHATWG HTML, 4.10.21.4)
            size = self._size if self._is_kept else 0
            file = UploadFile(self._spool, self._start, size, filename=self._filename, content_type=self._content_type)
            self.pairs.append((self._name, file))

    def add_field(self, name: str, value: bytes) -> None:
        """Adds a field whose bytes were counted already. Raises as `begin` and `end` do."""
        self._count_field()
        text = in_utf_8(value, "The value", name) if name in self._shape.names else ""
        self.pairs.append((name, text))

    def count_text(self, size: int) -> None:
        """Counts bytes that are kept in memory. Raises `ContentTooLarge` if they are too many."""
        self._text_bytes += size
        if self._text_bytes > self._policy.max_text_bytes:
            raise too_large_form(f"has more than {self._policy.max_text_bytes} bytes of names and texts")

    def _count_field(self) -> None:
        self._fields += 1
        if self._fields > self._policy.max_fields:
            raise too_large_form(f"has more than {self._policy.max_fields} fields")


def in_utf_8(data: bytes, what: str, name: str | None = None) -> str:
    """Returns the text. Raises `MalformedRequest` if it is not UTF-8, and says `what` of the entry `name` it is."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise malformed_form(f"{what} is not UTF-8", name) from error


def check_charset(parameters: Mapping[bytes, bytes]) -> None:
    """Raises `UnsupportedMediaType` if the parameters of a Content-Type name another charset than UTF-8."""
    charset = parameters.get(b"charset", b"utf-8")
    if charset.lower() not in _CHARSETS:
        raise unread_encoding("The charset", charset)
