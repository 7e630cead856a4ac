import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.docs.example import Example, served
from tests.docs.program import PATIENCE

FORGED = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
CLIENT, PROXY = "127.0.0.1", "127.0.0.2"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has 127.0.0.2 without a setting")


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    with served("recipe_client_address", ["--proxy-headers", "--forwarded-allow-ips", PROXY]) as example:
        yield example


def caller(example: Example, sender: str, *headers: tuple[str, str]) -> object:
    transport = httpx.HTTPTransport(local_address=sender)
    with httpx.Client(transport=transport, timeout=PATIENCE, trust_env=False) as client:
        return client.get(f"{example.url}/caller", headers=list(headers)).json()


def test_a_forged_header_of_a_client_has_no_effect(example: Example) -> None:
    assert caller(example, CLIENT, *FORGED.items()) == {"host": CLIENT, "scheme": "http"}


def test_the_proxy_reports_its_client(example: Example) -> None:
    assert caller(example, PROXY, ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https")) == {
        "host": "203.0.113.9",
        "scheme": "https",
    }


def test_what_a_client_wrote_before_the_proxys_entry_has_no_effect(example: Example) -> None:
    forged, own = FORGED["X-Forwarded-For"], "203.0.113.9"
    for headers in ([f"{forged}, {own}"], [forged, own], [f"{forged}, {own}, {PROXY}"]):
        lines = [("X-Forwarded-For", value) for value in headers]
        assert caller(example, PROXY, *lines) == {"host": own, "scheme": "http"}
