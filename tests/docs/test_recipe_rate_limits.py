import asyncio
import math

import httpx
import pytest
import recipe_rate_limits
from hypothesis import given
from hypothesis import strategies as st
from recipe_rate_limits import RateLimit

from jero import TooManyRequests
from tests.docs.example import Example
from tests.docs.program import PATIENCE


async def concurrent(url: str, user: str, clients: int) -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        headers = {"Authorization": f"Bearer {user}-token"}
        return await asyncio.gather(*(client.get("/search", headers=headers) for _ in range(clients)))


async def test_twenty_concurrent_clients_of_a_user_share_one_limit(example: Example) -> None:
    responses = await concurrent(example.url, "ada", 20)
    refused = [response for response in responses if response.status_code == 429]
    assert [response.text for response in responses if response.status_code == 200] == ["found for ada"] * 5
    assert len(refused) == 15
    assert {response.json()["type"] for response in refused} == {"too-many-requests"}
    assert all(0 < int(response.headers["retry-after"]) <= 60 for response in refused)
    (other,) = await concurrent(example.url, "alan", 1)
    assert other.status_code == 200


class Now:
    """Stands for the clock of the example."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


@given(
    burst=st.integers(1, 5),
    seconds=st.integers(1, 10),
    pauses=st.lists(st.integers(0, 120), min_size=1, max_size=60),
)
def test_no_period_has_more_requests_than_allowed(burst: int, seconds: int, pauses: list[int]) -> None:
    limit, now, admitted = RateLimit(burst, seconds), Now(), list[float]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe_rate_limits, "monotonic", now)
        for pause in pauses:
            now.time += pause / 4  # in binary without a remainder
            try:
                limit.count("ada")
            except TooManyRequests as refusal:
                now.time += int(refusal.headers["Retry-After"]) - 1
                with pytest.raises(TooManyRequests):
                    limit.count("ada")
                now.time += 1
                limit.count("ada")
            admitted.append(now.time)
    for first, begin in enumerate(admitted):
        for last, end in enumerate(admitted[first:], first):
            assert last - first + 1 <= burst + math.floor((end - begin) / seconds)


def test_what_is_kept_is_bounded_by_the_callers_of_one_period(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, now = RateLimit(burst=2, seconds=1), Now()
    monkeypatch.setattr(recipe_rate_limits, "monotonic", now)
    for caller in range(30_000):
        now.time += 0.001
        limit.count(str(caller))
    assert len(vars(limit)["_due"]) <= 10_001
