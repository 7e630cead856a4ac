"""An event refuses the ids that no header can carry, and whatever is not text."""

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero import ServerSentEvent
from jero.framing.event import LONGEST_ID


@pytest.mark.parametrize(
    "id_",
    [" a", "a ", " ", "\ta", "a\t", "a\tb", "a\x01", "\x1b[31m", "a\x7f", "a\x0bb", "\ud800"],
)
def test_an_id_that_no_header_can_carry_is_refused(id_: str) -> None:
    with pytest.raises(ValueError, match=r"^ServerSentEvent\(id=.*\): a header cannot carry it.* Remove them, .*\.$"):
        ServerSentEvent(data=1, id=id_)


@pytest.mark.parametrize("id_", ["a\rb", "a\nb", "a\0"])
def test_an_id_that_would_break_its_line_is_refused(id_: str) -> None:
    with pytest.raises(ValueError, match=r"it contains CR, LF or NUL\. Remove them\."):
        ServerSentEvent(data=1, id=id_)


@pytest.mark.parametrize(
    "id_", ["", "Zürich-1", "à", "a b", "\xa0a\x85", "🎬", "a" * LONGEST_ID, "é" * (LONGEST_ID // 2)]
)
def test_every_other_id_is_taken(id_: str) -> None:
    assert ServerSentEvent(data=1, id=id_).id == id_


@pytest.mark.parametrize("id_", ["a" * (LONGEST_ID + 1), "é" * (LONGEST_ID // 2 + 1), "🎬" * 1_025])
def test_an_id_of_more_than_4_kib_is_refused(id_: str) -> None:
    with pytest.raises(ValueError, match=rf"it has {len(id_.encode())} bytes, .* Use at most 4096\.") as raised:
        ServerSentEvent(data=1, id=id_)
    assert len(str(raised.value)) < 300


@given(id_=st.text())
def test_an_id_is_taken_or_refused_with_a_sentence(id_: str) -> None:
    sent = id_.encode("utf-8", "surrogatepass")
    has_surrogate = any("\ud800" <= character <= "\udfff" for character in id_)
    has_control = any(byte < 0x20 or byte == 0x7F for byte in sent)
    if not has_surrogate and not has_control and sent == sent.strip(b" ") and len(sent) <= LONGEST_ID:
        assert ServerSentEvent(id=id_).id == id_
        return
    with pytest.raises(ValueError, match=r"(?s)^ServerSentEvent\(id=.*\.$"):
        ServerSentEvent(id=id_)


@pytest.mark.parametrize("field", ["id", "event", "comment"])
@pytest.mark.parametrize("value", [100, b"a", 1.5, ["a"]])
def test_a_field_that_is_not_text_is_refused_with_a_sentence(field: str, value: Any) -> None:
    fields: Any = {field: value}
    with pytest.raises(
        TypeError, match=rf"^ServerSentEvent\({field}=.*\): it must be text\. Convert it with str\(\)\.$"
    ):
        ServerSentEvent(data=1, **fields)


def test_an_event_may_be_named_by_an_enum_of_text() -> None:
    class Kind(StrEnum):
        TICK = "tick"

    assert ServerSentEvent(data=1, event=Kind.TICK, id=Kind.TICK).id == "tick"
