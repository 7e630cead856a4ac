"""A stream whose format is the client's choice."""

from collections.abc import Mapping
from typing import Any, Final

from jero.framing.json_array import JSON_ARRAY
from jero.framing.ndjson import NDJSON_NAMES
from jero.framing.sse import SSE
from jero.responses.streaming import (
    FramedResponse,
    JSONArrayStreamingResponse,
    NDJSONStreamingResponse,
    SSEResponse,
)

# What documents and refusals list; of formats that a client accepts equally the first is sent.
OFFERED: Final = (*NDJSON_NAMES[:2], SSE.content_type, JSON_ARRAY.content_type)
# Further names that clients have for one of them.
UNDERSTOOD: Final = NDJSON_NAMES[2:]

_FORMATS: Final[Mapping[str, type[FramedResponse[Any, Any]]]] = {
    **dict.fromkeys(NDJSON_NAMES, NDJSONStreamingResponse),
    SSE.content_type: SSEResponse,
    JSON_ARRAY.content_type: JSONArrayStreamingResponse,
}


def negotiated(stream: Any, media_type: str) -> FramedResponse[Any, Any]:
    """The stream as a response of that media type, under the name that the client has for it.

    Raises `TypeError` for what is no stream.
    """
    headers = (("Content-Type", media_type), ("Vary", "Accept"))
    return _FORMATS[media_type](stream=stream, raw_headers=headers)
