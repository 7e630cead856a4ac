"""A process that is told to stop while streams are open."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, os, signal
from jero.shutdown import FatalSignal

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
    fatal = FatalSignal(drain)
    fatal.begin()
    {after}
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(30)

asyncio.run(main())
"""


def outcome(before: str = "", after: str = "") -> tuple[str, int]:
    program = PROGRAM.format(before=before, after=after)
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


def test_a_signal_that_nobody_handles_is_died_of_after_the_streams() -> None:
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
def test_a_servers_own_handling_is_left_alone(handling: str) -> None:
    assert outcome(before=handling) == ("handled\n", 3)


def test_after_the_streams_the_process_dies_at_once_again() -> None:
    assert outcome(after="fatal.close()") == ("", -signal.SIGTERM)
