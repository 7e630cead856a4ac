"""Shutdown while streams are open: a signal that arrives, and a server that stops listening."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jero import BaseApp, Endpoint, NDJSONStreamingResponse, StreamOutcome, StreamPolicy
from jero.errors import UnfinishedBody
from jero.http.asgi import Message
from jero.shutdown import LOOK_SECONDS, ShutdownWatch
from tests.application import http_scope

PROGRAM = """
import asyncio, os, signal
from jero.shutdown import ShutdownWatch

async def main():
    streams = asyncio.get_running_loop().create_future()

    def drain():
        print("draining", flush=True)
        asyncio.get_running_loop().call_later(0.01, end)
        return streams

    def end():
        print("streams are over", flush=True)
        streams.set_result(None)

    {before}
    watch = ShutdownWatch(drain, lambda: True)
    watch.begin({{}})
    {after}
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(30)

asyncio.run(main())
"""


def outcome(before: str = "", after: str = "") -> tuple[str, int]:
    return run(PROGRAM.format(before=before, after=after))


def run(program: str) -> tuple[str, int]:
    checkout = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": checkout},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout, done.returncode


def test_a_process_dies_of_an_unhandled_signal_after_its_streams() -> None:
    assert outcome() == ("draining\nstreams are over\n", -signal.SIGTERM)


@pytest.mark.parametrize(
    "handling",
    [
        "signal.signal(signal.SIGTERM, lambda *_: (print('handled', flush=True), os._exit(3)))",
        (
            "asyncio.get_running_loop().add_signal_handler("
            "signal.SIGTERM, lambda: (print('handled', flush=True), os._exit(3)))"
        ),
    ],
)
def test_a_signal_handler_of_the_server_is_not_replaced(handling: str) -> None:
    assert outcome(before=handling) == ("handled\n", 3)


def test_a_process_dies_at_once_after_the_watch_is_closed() -> None:
    assert outcome(after="watch.close()") == ("", -signal.SIGTERM)


# `os.listdir` fails as on Windows. The program is its own client, and sends itself the signal after the first item.
WITHOUT_DESCRIPTORS = """
import asyncio, os, signal, threading, urllib.request
import uvicorn
from collections.abc import AsyncIterator
from jero import BaseApp, Endpoint, NDJSONStreamingResponse

listdir = os.listdir

def without_descriptors(path="."):
    if path == "/dev/fd":
        raise FileNotFoundError(path)
    return listdir(path)

os.listdir = without_descriptors

class ForeverEndpoint(Endpoint, path="/"):
    async def get(self) -> NDJSONStreamingResponse[int]:
        return NDJSONStreamingResponse(stream=self._numbers())

    async def _numbers(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()

class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ForeverEndpoint())

    async def _on_stream_end(self, outcome) -> None:
        print(outcome.reason, flush=True)

def visit(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{{port}}/") as stream:
        stream.readline()
        os.kill(os.getpid(), signal.{name})
        try:
            stream.read()
        except Exception:
            pass

config = uvicorn.Config(App(), port=0, log_level="critical")
listening = config.bind_socket()
listening.listen()
threading.Thread(target=visit, args=(listening.getsockname()[1],)).start()
uvicorn.Server(config).run(sockets=[listening])
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_shutdown_of_uvicorn_is_noticed_without_descriptors(name: str) -> None:
    assert run(WITHOUT_DESCRIPTORS.format(name=name))[0] == "shutdown\n"


@pytest.fixture
def without_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr("jero.sockets.os.listdir", fail)


@pytest.mark.usefixtures("without_descriptors")
async def test_a_server_that_shows_nothing_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = ShutdownWatch(asyncio.get_running_loop().create_future, lambda: True)
    for _ in range(2):
        watch.begin({"server": ("127.0.0.1", 80)})
        assert not watch.is_looking
        watch.close()
    [record] = caplog.records
    assert (record.name, record.levelname) == ("jero.streams", "WARNING")
    assert record.getMessage().startswith("A shutdown cannot be noticed: this system lists no descriptors")


async def test_a_server_whose_socket_is_not_named_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    watch = ShutdownWatch(asyncio.get_running_loop().create_future, lambda: True)
    watch.begin({"server": ("testserver", 80)})
    watch.close()
    assert not caplog.records


def unhandled(signal_number: int) -> signal.Handlers:
    return signal.SIG_DFL


@pytest.mark.usefixtures("without_descriptors")
async def test_a_loop_that_handles_no_signals_serves_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise NotImplementedError

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", refuse)
    monkeypatch.setattr("jero.shutdown.signal.getsignal", unhandled)
    watch = ShutdownWatch(loop.create_future, lambda: True)
    watch.begin({"server": ("127.0.0.1", 80)})
    watch.close()


class SlowEndpoint(Endpoint, path="/"):
    """A stream whose handler takes longer than the watch waits between two looks."""

    async def get(self) -> NDJSONStreamingResponse[int]:
        await asyncio.sleep(2 * LOOK_SECONDS)
        return NDJSONStreamingResponse(stream=self._numbers())

    async def _numbers(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.get_running_loop().create_future()


class App(BaseApp):
    """Records the reasons for which its streams end."""

    def __init__(self) -> None:
        super().__init__(stream_policy=StreamPolicy(drain_timeout=0.01))
        self.reasons: list[str] = []

    async def _wire(self) -> None:
        self._include_endpoint(SlowEndpoint())

    async def _on_stream_end(self, outcome: StreamOutcome) -> None:
        self.reasons.append(outcome.reason)


async def test_a_stream_of_a_slow_handler_ends_when_the_server_stops_listening() -> None:
    app = App()
    body = asyncio.Event()

    async def receive() -> Message:
        message: Message = await asyncio.get_running_loop().create_future()
        return message

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            body.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        scope = {**http_scope(), "server": listening.getsockname()}
        async with app.lifespan():
            request = asyncio.create_task(app(scope, receive, send))
            await asyncio.wait_for(body.wait(), 5)
            listening.close()
            await asyncio.wait((request,), timeout=5)
            assert isinstance(request.exception(), UnfinishedBody)
            assert app.reasons == ["shutdown"]
