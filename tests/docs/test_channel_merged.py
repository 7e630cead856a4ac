from contextlib import ExitStack

import httpx
from httpx_sse import connect_sse


def test_a_page_follows_its_room_and_the_news(client: httpx.Client) -> None:
    with ExitStack() as stack:
        events = stack.enter_context(connect_sse(client, "GET", "/rooms/7/for/ada")).iter_sse()
        client.post("/rooms/7", json={"type": "message", "text": "hello"})
        first = next(events)
        assert first.json() == {"type": "message", "text": "hello"}
    client.post("/rooms/7", json={"type": "message", "text": "bye"})
    client.post("/news", json={"type": "news", "title": "It rains."})
    with ExitStack() as stack:
        headers = {"Last-Event-ID": first.id}
        events = stack.enter_context(connect_sse(client, "GET", "/rooms/7/for/ada", headers=headers)).iter_sse()
        assert {next(events).json()["type"] for _ in range(2)} == {"message", "news"}
