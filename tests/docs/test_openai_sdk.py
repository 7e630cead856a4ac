"""Runs the example of OpenAI's client against the demo."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.demo.running import running_demo

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "openai_sdk.py"


async def test_the_client_of_openai_prints_an_answer_of_the_demo() -> None:
    async with running_demo() as client, asyncio.timeout(60):
        environment = {**os.environ, "DEMO": str(client.base_url.join("/v1")), "NO_PROXY": "127.0.0.1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, EXAMPLE, env=environment, stdout=PIPE, stderr=PIPE
        )
        printed, logged = await process.communicate()

    assert logged == b""
    assert b"This is the offline model" in printed
