"""Reads a form (`application/x-www-form-urlencoded` or `multipart/form-data`) into a Struct, as the body arrives.

The extra `jero-asgi[forms]` brings the parser. This module is imported when an operation takes a form.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from jero.annotations import hashes_numbers
from jero.binding.body import content_type, next_part
from jero.binding.entries import Entries, shape_of
from jero.binding.faults import malformed_form, too_large, unsupported_media_type
from jero.binding.fields import convert, gather, list_fields
from jero.binding.multipart import MultipartForm
from jero.binding.spool import Spool
from jero.binding.urlencoded import UrlencodedForm
from jero.contract.inputs import MULTIPART, URLENCODED
from jero.endpoint import Endpoint
from jero.errors import ClientDisconnected, UnprocessableContent
from jero.http.asgi import BODY_HAS_ENDED, UPLOADS, Receive, Scope, is_disconnect
from jero.http.parameters import read_parameters

# A server may pass on a large part of the body at once. At most this much of it is read in one turn of the event loop.
WINDOW_BYTES: Final = 16_384


class _Parser(Protocol):
    def feed(self, data: bytes) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


_OpenParser: TypeAlias = Callable[[Entries, dict[bytes, bytes]], _Parser]


class FormReader:
    """Reads the forms of one operation of the endpoint into the Struct `struct`."""

    def __init__(self, struct: type[Any], endpoint: Endpoint) -> None:
        self._struct = struct
        self._policy = endpoint.form_policy
        self._timeout = endpoint.body_timeout
        self._is_decoded = bool(endpoint.content_encodings)
        self._shape = shape_of(struct)
        self._lists = list_fields(struct)
        self._is_checked = hashes_numbers(struct)

    async def read(self, scope: Scope, receive: Receive) -> Any:
        """Returns the Struct. Its files are in `scope`, for `close_uploads`, also if this fails.

        Raises `UnsupportedMediaType` if the body is not a form in UTF-8, `MalformedRequest` if it is malformed or cut
        short, `ContentTooLarge` if it exceeds a limit, and `UnprocessableContent` if it does not fit the Struct. Raises
        `RequestTimeout` if the body is silent for too long, `ClientDisconnected` if the client leaves before its end.
        """
        spool = Spool()
        entries = Entries(self._shape, self._policy, spool)
        parser = self._parser_of(scope, entries)
        scope[UPLOADS] = spool
        try:
            await self._read_body(scope, receive, parser, spool)
        finally:
            parser.close()
        values = gather(entries.pairs, self._lists)
        return convert(values, self._struct, "form", UnprocessableContent, is_checked=self._is_checked)

    async def _read_body(self, scope: Scope, receive: Receive, parser: _Parser, spool: Spool) -> None:
        size = 0
        more_body = True
        while more_body:
            message = await next_part(receive, self._timeout)
            if is_disconnect(message):
                raise ClientDisconnected("the client left before its request was read to the end")
            body: bytes = message.get("body", b"")
            more_body = message.get("more_body", False)
            scope[BODY_HAS_ENDED] = not more_body
            size += len(body)
            if size > self._policy.max_bytes:
                raise too_large(self._policy.max_bytes)
            for start in range(0, len(body), WINDOW_BYTES):
                if start:
                    await asyncio.sleep(0)
                parser.feed(body[start : start + WINDOW_BYTES])
                if spool.is_full:
                    await spool.flush()
        parser.finish()
        await spool.finish()

    def _parser_of(self, scope: Scope, entries: Entries) -> _Parser:
        """Returns the parser of the request's Content-Type."""
        found = content_type(scope, self._policy.max_bytes, may_be_encoded=self._is_decoded)
        try:
            essence, parameters = read_parameters(found or b"")
        except ValueError as error:
            if found:
                raise malformed_form(f"Content-Type {error}") from error
            raise unsupported_media_type(found, MULTIPART, URLENCODED) from error
        parser = _PARSERS.get(essence)
        if parser is None:
            raise unsupported_media_type(found, MULTIPART, URLENCODED)
        return parser(entries, parameters)


_PARSERS: Final[dict[bytes, _OpenParser]] = {MULTIPART.encode(): MultipartForm, URLENCODED.encode(): UrlencodedForm}
