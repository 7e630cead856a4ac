"""Yields the items of one response as they arrive, and raises an error if the response was cut."""

from collections.abc import AsyncGenerator, Generator

import httpx
from typing_extensions import TypeVar

from jero.client.body import Body
from jero.client.readers import Reader
from jero.client.refused import cut
from jero.client.wording import worded

T = TypeVar("T")


async def read_items(body: Body, reader: Reader[T]) -> AsyncGenerator[T, None]:
    """Yields the items of a body until its end, or until the reader has seen the end that the protocol promises.

    Raises `StreamCut` if the body was cut, or ended before the promised end, and what the reader raises for an item
    that is not a `T`. The items before an error are yielded first. The errors of the network have a message.
    """
    received = 0
    with worded():
        try:
            async for chunk in body.chunks():
                for piece in body.decompress(chunk):
                    for item in reader.feed(piece):
                        received += 1
                        yield item
                    if reader.has_ended:
                        return
            body.end()
            _check_end(body.response, reader)
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise cut(error, received, body.response.request) from error
    for item in reader.end():
        yield item


def read_items_now(body: Body, reader: Reader[T]) -> Generator[T, None, None]:
    """Does the same for a body of a synchronous client."""
    received = 0
    with worded():
        try:
            for chunk in body.chunks_now():
                for piece in body.decompress(chunk):
                    for item in reader.feed(piece):
                        received += 1
                        yield item
                    if reader.has_ended:
                        return
            body.end()
            _check_end(body.response, reader)
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise cut(error, received, body.response.request) from error
    yield from reader.end()


def _check_end(response: httpx.Response, reader: Reader[object]) -> None:
    """Raises `httpx.RemoteProtocolError` if a cut response would look the same as a complete one, or is not complete.

    An HTTP/1 body with neither a length nor chunks ends when its connection closes, for any reason.
    """
    if reader.promised_end is not None:
        raise httpx.RemoteProtocolError(f"it ended without {reader.promised_end}.", request=response.request)
    is_http_1 = response.extensions.get("http_version", b"").startswith(b"HTTP/1")
    if is_http_1 and not {"content-length", "transfer-encoding"} & response.headers.keys():
        raise httpx.RemoteProtocolError(
            "The response has neither Content-Length nor Transfer-Encoding: a complete stream looks the same as a cut"
            " one. Have the server or the proxy send chunks.",
            request=response.request,
        )
