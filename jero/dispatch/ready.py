"""Answers a stream whose source is a short list or tuple: its body is made at once, and sent as a whole.

Such a source is in memory. It cannot pause, block, or need a teardown, so the engine would only cost time.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any, Final

from msgspec.structs import replace

from jero.dispatch.respond import send_whole
from jero.framing.json import JSON_ARRAY, NDJSON
from jero.framing.raw import RAW
from jero.http.asgi import HeaderPairs, Scope, Send
from jero.policy import EndReason, StreamOutcome
from jero.streaming.buffer import FrameBuffer
from jero.streaming.hooks import frame_last
from jero.streaming.plan import StreamKind, StreamPlan
from jero.streaming.stream import report_outcome

# Every server takes this many bytes without waiting for the client.
LARGEST_BODY: Final = 32_768


async def answer_if_ready(plan: StreamPlan, scope: Scope, send: Send) -> StreamPlan | None:
    """Sends the whole stream, with its length, and reports the outcome. Returns the plan if the engine has to send it.

    That is so if the body is larger than `LARGEST_BODY` or than a chunk, or if an item cannot be encoded. It is also so
    if the application wants to know of the start: the engine calls both hooks, and lets both finish.
    """
    began = monotonic()
    kind = plan.kind
    try:
        framed = _frame(kind, plan.source)
    except Exception:  # the engine meets the same error, and handles it
        return plan
    if framed is None or (plan.last is not None and kind.on_start is not None):
        return plan
    body, items = framed
    if plan.last is not None:
        try:
            body, items = _with_last(plan, body, _outcome(plan, began, "completed", items, _sent_before(kind, body)))
        except Exception as error:  # the engine raises it again, and handles it
            return replace(plan, last=partial(_raise, error))
    headers: HeaderPairs = [*plan.headers, (b"content-length", b"%d" % len(body))]
    if kind.on_start is not None:
        return _framed(plan, headers, body, items)
    try:
        is_taken = await send_whole((plan.status, headers, body), scope, send)
    except BaseException as error:
        is_cancelled = isinstance(error, asyncio.CancelledError)
        reason: EndReason = "disconnected" if is_cancelled else "failed"
        await report_outcome(kind, _outcome(plan, began, reason, items, error=None if is_cancelled else error))
        raise
    reason, sent = ("completed", len(body)) if is_taken else ("disconnected", 0)
    await report_outcome(kind, _outcome(plan, began, reason, items, sent))
    return None


def _outcome(
    plan: StreamPlan, began: float, reason: EndReason, items: int, sent: int = 0, error: BaseException | None = None
) -> StreamOutcome:
    return StreamOutcome(
        reason=reason,
        error=error,
        items=items,
        bytes=sent,
        duration=monotonic() - began,
        first_item_after=0.0 if plan.source else None,
        endpoint=plan.kind.endpoint,
        method=plan.kind.method,
    )


def _framed(plan: StreamPlan, headers: HeaderPairs, body: bytes, items: int) -> StreamPlan:
    """Returns a plan that sends the body, and nothing else, since its length is sent before."""
    kind = plan.kind

    async def on_end(outcome: StreamOutcome) -> None:
        first_item_after = outcome.first_item_after if items else None
        counted = replace(outcome, items=items if outcome.items else 0, first_item_after=first_item_after)
        await kind.on_end(counted)

    framed = replace(
        kind, framing=RAW, fast_path=None, final_frame=None, keepalive=None, close_on_error=False, on_end=on_end
    )
    return replace(plan, kind=framed, source=[body] if body else [], headers=headers, on_error=None)


def _sent_before(kind: StreamKind, body: bytes) -> int:
    """Returns how many bytes of a body the engine would have sent before its last item: no opening without an item."""
    size = len(body) - len(kind.framing.closing)
    return 0 if size == len(kind.framing.opening) else size


def _with_last(plan: StreamPlan, body: bytes, outcome: StreamOutcome) -> tuple[bytes, int]:
    """Returns the body with the last item before its closing bytes, and the number of items in it."""
    last = frame_last(plan, outcome)
    end = len(body) - len(plan.kind.framing.closing)
    return body[:end] + last + body[end:], outcome.items + bool(last)


def _raise(error: Exception, outcome: StreamOutcome) -> bytes:
    raise error


def _frame(kind: StreamKind, items: Sequence[Any]) -> tuple[bytes, int] | None:
    """Returns the body and the number of items in it, or `None` if it is too large."""
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
            return (body, len(items)) if len(body) <= limit else None
    frames = FrameBuffer(framing, kind.encoder, limit)
    for item in items:
        frames.add(item)
        if frames.is_full():
            return None
    return framing.opening + frames.take() + framing.closing, frames.items
