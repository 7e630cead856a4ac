"""Answers a stream whose source is a short list or tuple: its body is made at once, and sent as a whole.

Such a source is in memory. It cannot pause, block, or need a teardown, so the engine would only cost time.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from jero.dispatch.respond import send_whole
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.http.asgi import HeaderPairs, Scope, Send
from jero.policy import StreamOutcome
from jero.streaming.buffer import FrameBuffer
from jero.streaming.plan import StreamKind, StreamPlan
from jero.streaming.stream import report_outcome

# Every server takes this many bytes without waiting for the client.
LARGEST_BODY: Final = 32_768


async def answer_if_ready(plan: StreamPlan, scope: Scope, send: Send) -> bool:
    """Sends the whole stream, with its length, and reports the outcome. Returns False if the engine has to send it.

    That is so if the body is larger than `LARGEST_BODY` or than a chunk, or if an item cannot be encoded.
    """
    began = monotonic()
    kind, items = plan.kind, plan.source
    try:
        body = _frame(kind, items)
    except Exception:  # the engine meets the same error, and handles it
        return False
    if body is None:
        return False
    headers: HeaderPairs = [*plan.headers, (b"content-length", b"%d" % len(body))]
    await send_whole((plan.status, headers, body), scope, send)
    outcome = StreamOutcome(
        reason="completed",
        error=None,
        items=len(items),
        bytes=len(body),
        duration=monotonic() - began,
        first_item_after=0.0 if items else None,
        endpoint=kind.endpoint,
        method=kind.method,
    )
    await report_outcome(kind, outcome)
    return True


def _frame(kind: StreamKind, items: Sequence[Any]) -> bytes | None:
    framing, fast_path, limit = kind.framing, kind.fast_path, min(LARGEST_BODY, kind.policy.chunk_bytes)
    if items and fast_path is not None and fast_path.types.issuperset(map(type, items)):
        if len(items) * len(kind.encoder.encode(items[0])) > limit:
            return None
        body: bytes | None = None
        if framing is NDJSON:
            body = kind.encoder.encode_lines(items)
        elif framing is JSON_ARRAY:
            body = kind.encoder.encode(items)
        if body is not None:
            return body if len(body) <= limit else None
    frames = FrameBuffer(framing, kind.encoder, limit)
    for item in items:
        frames.add(item)
        if frames.is_full():
            return None
    return framing.opening + frames.take() + framing.closing
