import signal

import httpx
import pytest
from httpx_sse import connect_sse

from tests.docs.example import served
from tests.docs.program import PATIENCE

MOST_POLLS = 1_000


def status_of_ready(client: httpx.Client) -> int:
    return client.get("/ready").status_code


def test_after_sigterm_it_is_healthy_but_not_ready_and_streams_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDS_BEFORE_SHUTDOWN", "600")
    with (
        served("recipe_readiness") as example,
        httpx.Client(base_url=example.url, timeout=PATIENCE, trust_env=False) as client,
    ):
        with connect_sse(client, "GET", "/clock") as source:
            events = source.iter_sse()
            next(events)
            assert status_of_ready(client) == 200
            example.program.terminate()
            polls = 0
            while status_of_ready(client) == 200:
                polls += 1
                assert polls < MOST_POLLS
            refused = client.get("/ready")
            assert (refused.status_code, refused.json()["type"]) == (503, "service-unavailable")
            assert client.get("/health").text == "alive"
            for _ in range(5):  # half a second: uvicorn looks for a signal each tenth
                assert next(events).retry is None
            assert client.get("/ready").status_code == 503
            with connect_sse(client, "GET", "/clock") as late:  # of a client that does not know yet
                assert next(late.iter_sse()).data == "1"
            example.program.terminate()
            retries = [event.retry for event in events if event.retry is not None]
        assert len(retries) == 1
        assert "INFO:     Application shutdown complete." in example.program.rest()
        assert example.program.status() == -signal.SIGTERM


def test_the_server_shuts_down_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDS_BEFORE_SHUTDOWN", "0.1")
    with served("recipe_readiness") as example:
        example.program.terminate()
        assert "INFO:     Application shutdown complete." in example.program.rest()
        assert example.program.status() == -signal.SIGTERM
