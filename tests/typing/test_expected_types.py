"""The type checker accepts right uses, and reports each wrong use on its line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).with_name("expected_types.py")

PREAMBLE = """
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Any
from jero import *
from jero.channels import Channel, Store
from tests.typing.expected_types import Goal, Movie, Paging, Whistle, chunks, events, lifecycle, managed, mixed, movies
async def publish(channel: Channel[Goal | Whistle], store: Store) -> None:
    await channel.publish(Goal(1))
async def numbers() -> AsyncIterator[int]:
    yield 1
async def numbered() -> AsyncIterator[ServerSentEvent[int]]:
    yield ServerSentEvent(data=1)
async def texts() -> AsyncIterator[str]:
    yield "a"
async def number_lifecycle() -> AsyncGenerator[AsyncIterable[int], StreamOutcome]:
    yield numbers()
"""

RIGHT = [
    "def missing(error: KeyError) -> NoContent: return NoContent()",
    "async def refused(error: HTTPError) -> JSONResponse[str]: return JSONResponse(content=error.type)",
    "def asked(error: KeyError, request: Request) -> NoContent: return NoContent()",
    "class Right(BaseApp):",
    "    async def _wire(self) -> None:",
    "        handlers: dict[type[KeyError], Any] = {KeyError: missing}",
    "        self._include_endpoint(Endpoint(), exception_handlers=handlers)",
    "        self._include_endpoint(Endpoint(), exception_handlers={KeyError: missing, HTTPError: refused})",
    "        self._include_exception_handler(KeyError, missing)",
    "        self._include_exception_handler(KeyError, asked)",
    "        self._include_exception_handler(KeyError, lambda error: NoContent())",
    "        self._include_dependency(movies)",
    "        self._include_dependency(managed, as_=AsyncIterable)",
    "        with self.override(Movie, Movie('a')): pass",
    "right: SSEResponse[Movie] = SSEResponse(stream=mixed())",
    "StreamingResponse(stream=[b'a'])",
    "async def k(store: Store) -> None: await publish(Channel(store, 'a', Goal | Whistle), store)",
    "also_right: NDJSONStreamingResponse[Movie] = NDJSONStreamingResponse(stream=lifecycle())",
]
WRONG = [
    "async def p(app: BaseApp) -> None: app._include_endpoint(Endpoint(), exception_handlers={'KeyError': missing})",
    "async def q(app: BaseApp) -> None: app._include_endpoint(Endpoint(), exception_handlers={KeyError: movies})",
    "async def r(app: BaseApp) -> None: app._include_endpoint(Endpoint(), exception_handlers=[(KeyError, missing)])",
    "async def s(app: BaseApp) -> None: app._include_exception_handler(ValueError, asked)",
    "async def t(app: BaseApp) -> None: app._include_dependency(Movie)",
    "async def u(app: BaseApp) -> None: app._include_dependency(Movie('a'))",
    "a: NDJSONStreamingResponse[Movie] = NDJSONStreamingResponse(stream=numbers())",
    "b: NDJSONStreamingResponse[Movie] = NDJSONStreamingResponse(stream=number_lifecycle())",
    "c: NDJSONStreamingResponse[Movie] = NDJSONStreamingResponse(stream=events())",
    "d: JSONArrayStreamingResponse[Movie] = JSONArrayStreamingResponse(stream=numbers())",
    "e: SSEResponse[Movie] = SSEResponse(stream=numbered())",
    "f: SSEResponse[Movie] = SSEResponse(stream=numbers())",
    "event_a: EventStreamResponse[Movie] = EventStreamResponse(stream=numbers())",
    "event_b: EventStreamResponse[Movie] = SSEResponse(stream=movies())",
    "event_c: SSEResponse[Movie] = EventStreamResponse(stream=movies())",
    "negotiated_a: Negotiated[Movie] = Negotiated(stream=numbers())",
    "negotiated_b: Negotiated[Movie] = Negotiated(stream=movies(), last=lambda outcome: 1)",
    "negotiated_c: Negotiated[Movie] = Negotiated(stream=movies(), keepalive='5')",
    "negotiated_d: NDJSONStreamingResponse[Movie] = Negotiated(stream=movies())",
    "last_d: SSEResponse[Movie] = SSEResponse(stream=movies(), last=1)",
    "last_e: NDJSONStreamingResponse[Movie] = NDJSONStreamingResponse(stream=movies(), last='[DONE]')",
    "g: SSEResponse[Movie] = SSEResponse(stream=movies(), ping=1)",
    "h: SSEResponse[Movie] = SSEResponse(stream=movies(), on_error=lambda error: 1)",
    "last_a: NDJSONStreamingResponse[Movie] = NDJSONStreamingResponse(stream=movies(), last=1)",
    "last_b: NDJSONStreamingResponse[Movie] = NDJSONStreamingResponse(stream=movies(), last=lambda outcome: 1)",
    "last_c: SSEResponse[Movie] = SSEResponse(stream=movies(), last=lambda: Movie('a'))",
    "StreamingResponse(stream=chunks(), last='end')",
    "StreamingResponse(stream=texts())",
    "StreamingResponse(stream=[1])",
    "NDJSONStreamingResponse(movies())",
    "i: JSONResponse[Movie] = JSONResponse(content=1)",
    "j: JSONResponse[Movie] = JSONResponse(content=Movie('a'), headers={'x-total': '1'})",
    "k: JSONResponse[Movie, Paging] = JSONResponse(content=Movie('a'), headers=Movie('a'))",
    "TextResponse(content=b'a')",
    "BytesResponse(content='a')",
    "NoContent(content='a')",
    "ServerSentEvent('a')",
    "ServerSentEvent(id=1)",
    "ServerSentEvent(data=1).event = 'a'",
    "StreamPolicy(65536)",
    "FormPolicy(max_files='1')",
    "StreamPolicy().chunk_bytes = 1",
    "Cookie(name='a', value='b', same_site='Lax')",
    "BaseApp(stream_policy=None)",
    "async def l(store: Store) -> None: Channel(store, 'a', 5)",
    "async def m(store: Store) -> None: n: Channel[Goal] = Channel(store, 'a', Movie)",
    "async def o(channel: Channel[Goal | Whistle]) -> None: await channel.publish(Movie('a'))",
]


def check(directory: Path, *files: Path) -> str:
    """Returns the report of mypy on the files."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--no-error-summary", "--cache-dir", str(directory / "cache"), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode in (0, 1), done.stderr or done.stdout
    return done.stdout


def test_right_uses_are_accepted_and_wrong_uses_refused(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    wrong.write_text("\n".join([*PREAMBLE.splitlines(), *RIGHT, *WRONG, ""]), "utf-8")
    report = check(tmp_path, EXPECTED, wrong)
    first = len(PREAMBLE.splitlines()) + len(RIGHT) + 1
    found = {int(line) for line in re.findall(r"wrong\.py:(\d+): error", report)}
    accepted = [use for number, use in enumerate(WRONG, first) if number not in found]
    assert not accepted, report
    assert len(found) == len(WRONG), report
    assert EXPECTED.name not in report, report
