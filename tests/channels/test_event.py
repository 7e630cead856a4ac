"""An event's bytes: framed once, with the data in the frame."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero import ServerSentEvent
from jero.channels.event import Event, encode_payload, make_event, make_gap
from jero.channels.ring import Batch
from jero.codec import DEFAULT_ENCODER
from jero.framing.json import JSON_ARRAY, NDJSON, checked
from jero.framing.sse import SSE

DATA = st.one_of(
    st.text(), st.integers(-(2**53), 2**53), st.lists(st.text()), st.dictionaries(st.text(max_size=3), st.text())
)


def made(data: object, event: str | None = None, number: int = 1) -> Event:
    return make_event(encode_payload(data, event, DEFAULT_ENCODER), (1, number), f"1-{number}")


@given(data=DATA, event=st.sampled_from([None, "made", "data: 1", "id: 1-1"]))
def test_the_frame_is_what_an_event_stream_sends(data: object, event: str | None) -> None:
    buffer = bytearray()
    SSE.encode(ServerSentEvent(id="1-1", event=event, data=data), buffer, DEFAULT_ENCODER)
    assert made(data, event).frame == bytes(buffer)


@given(data=DATA, event=st.sampled_from([None, "made", '"', "1"]))
def test_the_data_is_found_in_the_frame(data: object, event: str | None) -> None:
    kept = made(data, event)
    assert (kept.data.decode() if kept.is_text else msgspec.json.decode(kept.data)) == data


def test_data_is_not_kept_twice() -> None:
    assert made({"text": "x" * 100}).separate_data is None
    assert made("x" * 100).separate_data is None
    assert made("x\ny").separate_data == b"x\ny"


@given(items=st.lists(DATA, min_size=1, max_size=5))
def test_other_formats_carry_the_data_alone(items: list[object]) -> None:
    batch = Batch([made(item, "made", number) for number, item in enumerate(items, 1)])
    assert batch.bytes_in(SSE) == b"".join(event.frame for event in batch.events)
    lines = batch.bytes_in(NDJSON)
    assert [msgspec.json.decode(line) for line in lines.removesuffix(b"\n").split(b"\n")] == items
    assert msgspec.json.decode(b"[%b]" % batch.bytes_in(JSON_ARRAY)) == items


def test_a_gap_passes_a_format_that_checks_its_items() -> None:
    checking = checked(SSE, msgspec.json.Decoder(int).decode)
    gap = make_gap("1-1", (1, 5), "1-5")
    assert Batch([gap], is_gap=True).bytes_in(checking) == gap.frame
    assert Batch([made(1)]).bytes_in(checking) == made(1).frame
    with pytest.raises(msgspec.ValidationError):
        Batch([made([])]).bytes_in(checking)


def test_a_batch_is_encoded_once_for_each_format() -> None:
    batch = Batch([made(1)])
    assert batch.bytes_in(NDJSON) is batch.bytes_in(NDJSON)
    assert batch.bytes_in(JSON_ARRAY) == b"1"
