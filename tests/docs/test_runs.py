import json
from datetime import datetime

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

ADA = {"Authorization": "Bearer ada-token"}
BOB = {"Authorization": "Bearer bob-token"}
WORDS = ["You", "asked:", "Who", "is", "there?"]


def ask(client: httpx.Client, text: str = "Who is there?", key: str | None = None) -> str:
    headers = ADA if key is None else {**ADA, "Idempotency-Key": key}
    answer = client.post("/answers", json={"text": text}, headers=headers)
    assert answer.status_code == 202
    run: str = answer.json()["id"]
    return run


def events(client: httpx.Client, run: str, after: str = "") -> list[ServerSentEvent]:
    headers = {**ADA, "Last-Event-ID": after}
    with connect_sse(client, "GET", f"/answers/{run}", headers=headers) as source:
        return list(source.iter_sse())


def test_a_client_that_left_goes_on_after_its_last_word(client: httpx.Client) -> None:
    run = ask(client)
    with connect_sse(client, "GET", f"/answers/{run}", headers={**ADA}) as source:  # it adds its own
        first = next(source.iter_sse())
    rest = events(client, run, after=first.id)
    assert [event.json()["text"] for event in (first, *rest[:-1])] == WORDS
    assert (rest[-1].event, rest[-1].data) == ("end", '{"outcome":"completed"}')
    over = client.get(f"/answers/{run}", headers={**ADA, "Accept": "text/event-stream", "Last-Event-ID": rest[-1].id})
    assert over.status_code == 204


def test_the_status_tells_how_a_run_is(client: httpx.Client) -> None:
    running = ask(client, "word " * 500)
    assert client.get(f"/answers/{running}/status", headers=ADA).json()["state"] == "running"
    run = ask(client)
    events(client, run)
    status = client.get(f"/answers/{run}/status", headers=ADA).json()
    assert (status["id"], status["state"], status["items"]) == (run, "completed", len(WORDS))
    assert datetime.fromisoformat(status["started_at"]) <= datetime.fromisoformat(status["ended_at"])


def test_stop_is_told_to_each_client(client: httpx.Client) -> None:
    run = ask(client, "word " * 500)
    with connect_sse(client, "GET", f"/answers/{run}", headers={**ADA}) as source:  # it adds its own
        following = source.iter_sse()
        next(following)
        assert client.delete(f"/answers/{run}", headers=ADA).status_code == 204
        *_, end = following
    assert json.loads(end.data) == {"outcome": "stopped"}
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/answers/{run}", headers=ADA)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/status")])
def test_nobody_else_finds_a_run(client: httpx.Client, method: str, path: str) -> None:
    run = ask(client)
    theirs = client.request(method, f"/answers/{run}{path}", headers=BOB)
    unknown = client.request(method, f"/answers/AAAAAAAAAAAAAAAAAAAAAA{path}", headers=ADA)
    assert (theirs.status_code, theirs.json()) == (404, unknown.json())


def test_a_repeated_key_is_the_same_run(client: httpx.Client) -> None:
    runs = [ask(client, key="one") for _ in range(2)]
    assert runs[0] == runs[1]
    other = client.post("/answers", json={"text": "What else?"}, headers={**ADA, "Idempotency-Key": "one"})
    assert other.status_code == 422
