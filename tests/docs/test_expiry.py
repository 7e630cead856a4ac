import time

import httpx
from expiry import LIFETIME
from httpx_sse import connect_sse

from tests.docs.example import Example


def test_the_stream_ends_with_its_pass(client: httpx.Client) -> None:
    key = client.post("/passes").text
    began = time.monotonic()
    with connect_sse(client, "GET", "/clock", params={"pass": key}) as source:
        ticks = [event.json()["tick"] for event in source.iter_sse()]
    took = time.monotonic() - began
    assert ticks == list(range(len(ticks)))
    assert 0.5 * LIFETIME.total_seconds() < took < 10 * LIFETIME.total_seconds()


def test_a_pass_opens_only_one_stream(example: Example, client: httpx.Client) -> None:
    key = client.post("/passes").text
    with connect_sse(client, "GET", "/clock", params={"pass": key}) as source:
        assert next(source.iter_sse()).json()["tick"] == 0
        assert httpx.get(f"{example.url}/clock", params={"pass": key}, trust_env=False).status_code == 401


def test_a_request_without_a_valid_pass_is_refused(client: httpx.Client) -> None:
    assert client.get("/clock").headers["www-authenticate"] == 'APIKey realm="api"'
    assert client.get("/clock", params={"pass": "guessed"}).status_code == 401
