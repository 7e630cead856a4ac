"""The command of uvicorn that the page shows: a reload by SIGHUP, the time that it takes to stop, and its limit."""

import socket
from contextlib import suppress

import httpx
from anyio import Event, create_task_group, fail_after, to_thread
from httpx_sse import connect_sse

from tests.channels.redis_server import RedisServer
from tests.deployment.clients import Reader, place
from tests.deployment.serving import on_port, running, shown_command
from tests.docs.program import PATIENCE
from tests.ports import free_port

# A worker that stops may close a connection whose request has not arrived yet.
CLOSED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


async def ask_until(url: str, done: Event) -> set[int]:
    """Asks again and again on new connections. Returns the statuses. Raises `ConnectError` if one is refused."""
    statuses = set[int]()
    unkept = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False, limits=unkept) as client:
        while not done.is_set():
            with suppress(*CLOSED):
                statuses.add((await client.get("/ready")).status_code)
    return statuses


async def test_a_reload_refuses_no_connection_and_loses_no_order(redis: RedisServer) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    statuses = set[int]()
    is_over = Event()

    async def ask() -> None:
        statuses.update(await ask_until(url, is_over))

    with (
        running(on_port(shown_command("uvicorn"), port), redis.url, workers=2) as program,
        fail_after(2 * PATIENCE),
    ):
        reader = Reader(url, place(url, "before"))
        async with create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(reader.read_until, "last")
            place(url, "first")
            await reader.has_begun.wait()
            program.hang_up()
            for _ in range(2):
                await to_thread.run_sync(program.line_with, "Finished server process")
            is_over.set()
            place(url, "last")
    assert reader.items == ["first", "last"]
    assert statuses == {200}


def test_an_upload_that_does_not_end_holds_the_exit_for_the_time_limit_alone(redis: RedisServer) -> None:
    command = shown_command("uvicorn")
    limit = command.index("--timeout-graceful-shutdown") + 1
    command[limit] = "1"
    port = free_port()
    with (
        running(on_port(command, port), redis.url, workers=2) as program,
        socket.create_connection(("127.0.0.1", port), PATIENCE) as connection,
    ):
        head = "POST /orders HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # the application waits for the body
        program.terminate()
        program.line_with("timeout graceful shutdown exceeded")
        assert program.status() == 0


def test_the_limit_of_uvicorn_counts_open_streams_against_every_request(redis: RedisServer) -> None:
    port = free_port()
    command = ["uvicorn", "shop:app", "--port", str(port), "--limit-concurrency", "2"]
    with (
        running(command, redis.url),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client,
        connect_sse(client, "GET", "/orders"),
    ):
        answer = client.get("/ready")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "text/plain; charset=utf-8")
