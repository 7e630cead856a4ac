"""Writes the content of requests and responses as Media Type Objects, by media type."""

from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.inspect import Metadata, StrType, Type

from jero.annotations import event_form, union_members
from jero.contract.inputs import Input, form_media_type
from jero.contract.outputs import Output
from jero.framing.framing import Framing
from jero.framing.json import NDJSON_NAMES
from jero.framing.sse import SSE
from jero.openapi.json_schema import Schema
from jero.openapi.schemas import Schemas
from jero.responses.streaming import SSEResponse, format_of
from jero.responses.whole import BYTES, JSON

# A request body of lines may have any of NDJSON_NAMES. The document lists the usual ones.
JSON_LINES: Final = NDJSON_NAMES[:2]

FAILURE: Final = (
    "If the stream fails, a last event `error` has a problem (RFC 9457) as its data, "
    "unless the handler sends another event."
)

_ARRAY: Final = b"["
_OPENINGS: Final = (b"", _ARRAY)


class MediaTypes(Struct, frozen=True):
    """Writes the content of requests and responses.

    `item_keyword`: the keyword for the schema of one item of a stream. It is `itemSchema` (OpenAPI 3.2, section 4.14),
    or before 3.2 `schema`, which is the nearest.
    """

    schemas: Schemas
    item_keyword: str

    def received(self, body: Input) -> dict[str, Schema]:
        """Returns the content of a request."""
        if body.name == "json":
            return {JSON: {"schema": self.schemas.of(body.type)}}
        if body.name == "items":
            return {media_type: {self.item_keyword: self.schemas.of(body.type)} for media_type in JSON_LINES}
        if body.name == "form":
            # Both media types are read. Of two, openapi-python-client makes a module that cannot be imported.
            return {form_media_type(body.type): {"schema": self.schemas.of(body.type)}}
        # Any schema, which an absent one means too: openapi-python-client leaves out operations without.
        return {BYTES: {"schema": {}}}

    def sent(self, output: Output, method: str) -> dict[str, Schema]:
        """Returns the content of a response to a request of that HTTP method, by each media type that it may have."""
        essences = map(_essence, output.media_types)
        if not output.is_stream:
            return {essence: self._whole(output, essence) for essence in essences}
        return {essence: self._stream(output, essence, method) for essence in essences}

    def _whole(self, output: Output, media_type: str) -> Schema:
        if media_type == JSON:
            return {"schema": self.schemas.of(Any if output.content is None else output.content)}
        return _opaque(media_type)

    def _stream(self, output: Output, media_type: str, method: str) -> Schema:
        item = Any if output.content is None else output.content
        response: Any = format_of(media_type, method) if output.is_negotiated else output.response
        framing: Framing = response.framing
        if media_type == SSE.content_type:
            return {self.item_keyword: self._event(item, reports_failure=issubclass(response, SSEResponse))}
        if framing.json_prefix is None or framing.opening not in _OPENINGS:
            return _opaque(media_type)
        schema = self.schemas.of(item)
        is_array = framing.opening == _ARRAY
        return {"schema": {"type": "array", "items": schema}} if is_array else {self.item_keyword: schema}

    def _event(self, item: Any, *, reports_failure: bool) -> Schema:
        """Returns the schema of one event. It has data: readers ignore events without (WHATWG HTML, section 9.2.6)."""
        return {
            "type": "object",
            **({"description": FAILURE} if reports_failure else {}),
            "properties": {
                "data": self._data(item),
                "event": {"type": "string"},
                "id": {"type": "string"},
                "retry": {"type": "integer", "minimum": 0},
            },
            "required": ["data"],
        }

    def _data(self, item: Any) -> Schema:
        members = [_inner(msgspec.inspect.type_info(member)) for member in union_members(item)]
        if all(isinstance(member, StrType) for member in members):
            return self.schemas.of(item)
        if event_form(item) != "json":
            return {"type": "string"}
        return {"type": "string", "contentMediaType": JSON, "contentSchema": self.schemas.of(item)}


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip()


def _opaque(media_type: str) -> Schema:
    """Returns the content of text, a string, or of bytes, which has no schema (OpenAPI 3.2, section 4.14.5)."""
    return {"schema": {"type": "string"}} if media_type.startswith("text/") else {}


def _inner(info: Type) -> Type:
    return _inner(info.type) if isinstance(info, Metadata) else info
