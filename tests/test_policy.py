from typing import Any

import pytest

from jero import StreamPolicy


def test_a_policy_has_defaults() -> None:
    policy = StreamPolicy()
    assert (policy.first_item_grace, policy.chunk_bytes, policy.teardown_timeout) == (None, 65_536, 10.0)


@pytest.mark.parametrize("field", ["first_item_grace", "teardown_timeout"])
@pytest.mark.parametrize("seconds", [0, 0.0, -1, float("nan"), float("-inf")])
def test_a_time_that_is_not_positive_is_refused(field: str, seconds: float) -> None:
    values: dict[str, Any] = {field: seconds}
    with pytest.raises(ValueError, match=rf"StreamPolicy\({field}=.*\): it must be a positive number of seconds\."):
        StreamPolicy(**values)


@pytest.mark.parametrize("size", [0, -1])
def test_a_chunk_size_below_1_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=rf"StreamPolicy\(chunk_bytes={size}\): it must be at least 1 byte\."):
        StreamPolicy(chunk_bytes=size)


def test_the_smallest_values_are_accepted() -> None:
    assert StreamPolicy(chunk_bytes=1, first_item_grace=1e-9, teardown_timeout=1e-9).chunk_bytes == 1


def test_a_policy_is_frozen() -> None:
    with pytest.raises(AttributeError):
        setattr(StreamPolicy(), "chunk_bytes", 1)  # noqa: B010 - type checkers refuse a plain assignment


@pytest.mark.parametrize("value", ["5", True, float("nan"), [1], b"1"])
@pytest.mark.parametrize("name", StreamPolicy.__struct_fields__)
def test_a_value_that_is_no_number_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"StreamPolicy\({name}=.*: it must be "):
        StreamPolicy(**{name: value})
