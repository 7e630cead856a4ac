"""What `jero.client` gives, and what it asks for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jero.client

NAMES = {"Reconnection", "RequestRefused", "StreamClient"}
WITHOUT_HTTPX = "import sys; sys.modules['httpx'] = None\n"


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)


def test_the_public_names_and_their_stub_are_one() -> None:
    stub = ast.parse(Path(jero.client.__file__).with_suffix(".pyi").read_text("utf-8"))
    declared = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == NAMES
    assert {getattr(jero.client, name).__name__ for name in NAMES} == NAMES


def test_no_other_name_is_there() -> None:
    with pytest.raises(AttributeError, match=r"module 'jero.client' has no attribute 'Movie'"):
        getattr(jero.client, "Movie")  # noqa: B009 - a checker would refuse the attribute itself


def test_the_package_and_its_parsers_need_no_httpx() -> None:
    done = run(WITHOUT_HTTPX + "import jero.client, jero.client.sse, jero.client.ndjson, jero.client.lines")
    assert done.returncode == 0, done.stderr


def test_the_package_does_not_import_httpx_by_itself() -> None:
    done = run("import sys, jero.client.sse; assert 'httpx' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_the_client_without_httpx_names_the_extra() -> None:
    done = run(WITHOUT_HTTPX + "from jero.client import StreamClient")
    *_, last = done.stderr.splitlines()
    assert last == 'ImportError: jero.client.StreamClient needs httpx: pip install "jero-asgi[client]"'
