"""Ids of events come back through each server as they were sent, whatever their text."""

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jero.client import StreamClient
from tests.client.waits import Waits
from tests.servers.running import PATIENCE, Running

IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(lambda text: text.strip(" "))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(id_="Zürich-1")
@example(id_="à")  # in UTF-8 its last byte is a space of Latin-1
@example(id_="\x85a\xa0")
@example(id_="🎬 b")
@example(id_="é" * 2_000)
@given(id_=IDS.filter(bool))
def test_an_id_is_read_by_each_server_as_it_was_sent(server: Running, id_: str) -> None:
    response = httpx.get(
        f"{server.url}/resumed", headers={b"Last-Event-ID": id_.encode()}, timeout=PATIENCE, trust_env=False
    )
    assert response.json() == id_


def test_an_id_that_is_not_utf_8_is_refused(server: Running) -> None:
    headers = {b"Last-Event-ID": "Zürich".encode("latin-1")}
    response = httpx.get(f"{server.url}/resumed", headers=headers, timeout=PATIENCE, trust_env=False)
    assert response.status_code == 400
    assert response.json()["detail"] == "Header Last-Event-ID is not UTF-8."


@pytest.mark.parametrize("first", ["Zürich-1", "à"])
async def test_a_client_resumes_after_any_id(server: Running, first: str) -> None:
    async with StreamClient(server.url, sleep=Waits(), trust_env=False) as client:
        events = [event async for event in client.sse("/resumed/events", str, headers={"Last-Event-ID": first})]
    assert [(event.data, event.id) for event in events] == [(first, f"{first}!"), (f"{first}!", f"{first}!!")]


@pytest.mark.parametrize("value", ["50%41", "a=b==", "a+b", "%", "%c3%a9"])
def test_a_cookie_is_read_by_each_server_as_it_was_set(server: Running, value: str) -> None:
    with httpx.Client(base_url=server.url, timeout=PATIENCE, trust_env=False) as client:
        client.post("/cookie", params={"value": value})
        assert client.get("/cookie").json() == value
