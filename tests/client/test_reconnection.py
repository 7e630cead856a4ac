"""The time until the next attempt: the backoff, and what the server sets within its bounds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jero.client import Reconnection

DEFAULT = Reconnection()


def seconds(
    policy: Reconnection,
    failures: int,
    *,
    retry: int | None = None,
    retry_after: float | None = None,
    chance: float = 0,
) -> float:
    return policy.seconds(failures, retry=retry, retry_after=retry_after, chance=chance)


@pytest.mark.parametrize(
    ("failures", "retry", "retry_after", "expected"),
    [
        (0, None, None, 1),
        (1, None, None, 1),
        (2, None, None, 2),
        (3, None, None, 4),
        (6, None, None, 30),
        (5_000, None, None, 30),
        (0, 250, None, 0.25),
        (3, 250, None, 1),
        (0, 0, None, 0.1),
        (0, None, 0.0, 1),
        (0, 10**15, None, 300),
        (9, None, 2.5e11, 300),
        (1, 0, None, 0.1),
        (2, 0, None, 0.2),
        (0, 90_000, None, 90),
        (9, 90_000, None, 90),
        (1, None, 7.0, 7),
        (1, None, 0.0, 1),
        (5, None, 7.0, 16),
        (1, None, 120.0, 120),
    ],
)
def test_the_delay_doubles_with_each_failure_up_to_a_bound(
    failures: int, retry: int | None, retry_after: float | None, expected: float
) -> None:
    assert seconds(DEFAULT, failures, retry=retry, retry_after=retry_after) == pytest.approx(expected)


@given(
    failures=st.integers(0, 100),
    retry=st.none() | st.integers(0, 10**15),
    retry_after=st.none() | st.floats(0, 10**15),
    chance=st.floats(0, 1),
)
def test_the_delay_is_what_the_server_asks_for_within_the_bounds_and_the_jitter(
    failures: int, retry: int | None, retry_after: float | None, chance: float
) -> None:
    asked = max(retry / 1000 if retry is not None else 0, retry_after or 0)
    allowed = min(max(asked, 0.1), DEFAULT.longest_wait)
    found = seconds(DEFAULT, failures, retry=retry, retry_after=retry_after, chance=chance)
    assert allowed <= found <= min(max(allowed, DEFAULT.longest_delay) * 1.5, DEFAULT.longest_wait)


def test_chance_lengthens_the_delay() -> None:
    assert [seconds(DEFAULT, 2, chance=chance) for chance in (0, 0.5, 1)] == [2, 2.5, 3]
    assert seconds(Reconnection(jitter=0), 2, chance=1) == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"delay": -1},
        {"longest_wait": -1},
        {"longest_delay": -0.1},
        {"jitter": float("nan")},
        {"attempts": 0},
        {"attempts": -1},
    ],
)
def test_an_invalid_reconnection_is_refused(fault: dict[str, Any]) -> None:
    [(field, value)] = fault.items()
    with pytest.raises(ValueError, match=rf"Reconnection\({field}={value}\)"):
        Reconnection(**fault)
