"""The command of gunicorn that the page shows: it ends streams at SIGTERM, and refuses no connection at SIGHUP."""

import httpx
import pytest
from httpx_sse import connect_sse

from tests.channels.redis_server import RedisServer
from tests.deployment.serving import on_port, running, shown_command
from tests.docs.program import PATIENCE
from tests.ports import free_port

pytest.importorskip("gunicorn")
pytest.importorskip("uvicorn_worker")


@pytest.mark.parametrize("is_reload", [False, True])
def test_a_stream_ends_at_a_signal(redis: RedisServer, is_reload: bool) -> None:  # noqa: FBT001 - it is a parameter
    port = free_port()
    with (
        running(on_port(shown_command("gunicorn"), port), redis.url, workers=2) as program,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client,
    ):
        with connect_sse(client, "GET", "/orders") as source:
            (program.hang_up if is_reload else program.terminate)()
            assert "".join(source.response.iter_text()).startswith("retry: ")
        if is_reload:
            for _ in range(2):
                program.line_with("Finished server process")
            assert client.get("/ready").status_code == 200
        else:
            assert program.status() == 0
