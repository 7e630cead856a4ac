"""Tests `python -m demo_app`, run as a new user runs it."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest

from jero import StreamPolicy
from tests.demo.running import environment, variables_of
from tests.demo.upstream import ENDING, HEAD, KEY, Upstream, chunk
from tests.programs import needs_program

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 30


async def read_until(process: Process, is_enough: Callable[[str], bool]) -> str:
    """Returns the process's output up to the first line for which `is_enough` is true."""
    assert process.stdout is not None
    text = ""
    async with asyncio.timeout(PATIENCE):
        while line := (await process.stdout.readline()).decode():
            text += line
            if is_enough(line):
                return text
    raise AssertionError(f"the process ended after it had printed {text!r}")


class Demo:
    """A running demo: its process, and the banner that it printed."""

    def __init__(self, process: Process, banner: str) -> None:
        self.process = process
        self.banner = banner
        self.question, self.notifications, self.health = (
            line.strip() for line in banner.splitlines() if line.strip().startswith("curl ")
        )
        self.url = self.health.removeprefix("curl ").removesuffix("/health")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Sends a signal. Returns the exit status, and all that the process has logged."""
        self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            _, logged = await self.process.communicate()
        return self.process.returncode or 0, logged.decode()


@asynccontextmanager
async def started_demo(**settings: str) -> AsyncGenerator[Demo, None]:
    command = (sys.executable, "-m", "demo_app", "--port", "0")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CHECKOUT, env=environment(**settings), stdout=PIPE, stderr=PIPE
    )
    try:
        yield Demo(process, await read_until(process, lambda line: "/health" in line))
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def shell(line: str) -> AsyncGenerator[Process, None]:
    """Runs a line in a shell, in a process group of its own. Leaving the block ends the group."""
    process = await asyncio.create_subprocess_shell(line, stdout=PIPE, stderr=PIPE, start_new_session=True)
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
        await process.communicate()


async def output_of(line: str) -> str:
    async with shell(line) as process, asyncio.timeout(PATIENCE):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


@needs_program("curl")
async def test_without_a_key_the_printed_lines_work() -> None:
    async with started_demo() as demo:
        assert "offline model" in demo.banner
        assert await output_of(demo.health) == '{"status":"ok","model":"jero-offline","offline":true}'
        answer = await output_of(demo.question)
        async with shell(demo.notifications) as following:
            event = await read_until(following, lambda line: line == "\n")

    assert "offline" in answer
    assert all(line.startswith('{"text":') for line in answer.splitlines())
    assert event.startswith("event: ")
    assert "\nid: " in event


async def test_the_banner_names_the_documentation_page() -> None:
    async with started_demo() as demo, httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
        named = re.search(r"http://\S+/docs\b", demo.banner)
        assert named is not None
        page = await client.get(named[0])

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "The demo of jero" in page.text


@needs_program("curl")
async def test_with_a_key_the_printed_question_goes_to_its_service() -> None:
    async with (
        Upstream(HEAD, chunk(content="Hello"), ENDING) as upstream,
        started_demo(**variables_of(upstream.service)) as demo,
    ):
        assert f"m at {upstream.service.base_url}" in demo.banner
        assert await output_of(demo.question) == '{"text":"Hello"}\n'
        status, logged = await demo.stop()

    assert status == -signal.SIGTERM
    assert upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in demo.banner + logged


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
async def test_a_signal_stops_the_demo_cleanly(number: signal.Signals, status: int) -> None:
    async with started_demo() as demo:
        assert await demo.stop(number) == (status, "")


async def test_a_signal_ends_an_open_stream_at_once_with_a_time_to_reconnect() -> None:
    async with (
        started_demo() as demo,
        httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client,
        client.stream("GET", f"{demo.url}/notifications") as response,
    ):
        assert response.status_code == 200
        signalled_at = monotonic()
        status, logged = await demo.stop()
        gone_after = monotonic() - signalled_at
        lines = [line async for line in response.aiter_lines()]  # to a proper end

    assert status == -signal.SIGTERM
    assert gone_after < StreamPolicy().drain_timeout / 2
    assert "GET NotificationsEndpoint: shutdown" in logged
    *_, retry, blank = lines
    assert retry.startswith("retry: ")
    assert 1_000 <= int(retry.removeprefix("retry: ")) <= 5_000
    assert blank == ""


@pytest.mark.parametrize(
    ("arguments", "settings", "fault"),
    [
        (("--port", "70000"), {}, "'70000' is not a number from 0 to 65535"),
        (("--port", "http"), {}, "'http' is not a number from 0 to 65535"),
        ((), {"UPSTREAM_TIMEOUT": "soon"}, "UPSTREAM_TIMEOUT='soon'"),
        ((), {"JERO_DEMO_OPENAPI": "2.0"}, "JERO_DEMO_OPENAPI='2.0'"),
        ((), {"JERO_DEMO_REDIS": "localhost:6379"}, "JERO_DEMO_REDIS"),
    ],
)
async def test_a_wrong_setting_is_refused_in_one_sentence(
    arguments: tuple[str, ...], settings: dict[str, str], fault: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo_app", *arguments, cwd=CHECKOUT, env=environment(**settings), stderr=PIPE
    )
    async with asyncio.timeout(PATIENCE):
        _, printed = await process.communicate()

    assert process.returncode == 2
    assert fault in printed.decode()
    assert "Traceback" not in printed.decode()
