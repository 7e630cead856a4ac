from contextlib import ExitStack

import httpx
from httpx_sse import connect_sse


def post(client: httpx.Client, room: str, text: str) -> str:
    answer = client.post(f"/rooms/{room}", json={"text": text})
    assert answer.status_code == 201
    event_id: str = answer.json()["id"]
    return event_id


def test_each_room_has_its_own_messages(client: httpx.Client) -> None:
    first = {room: post(client, room, f"hello {room}") for room in ("7", "8")}
    later = {room: post(client, room, f"bye {room}") for room in ("7", "8")}
    for room, event_id in first.items():
        with ExitStack() as stack:
            headers = {"Last-Event-ID": event_id}
            source = stack.enter_context(connect_sse(client, "GET", f"/rooms/{room}", headers=headers))
            event = next(source.iter_sse())
            assert (event.id, event.json()) == (later[room], {"text": f"bye {room}"})


def test_a_name_that_is_too_long_is_not_found(client: httpx.Client) -> None:
    assert client.get(f"/rooms/{'x' * 513}").status_code == 404
