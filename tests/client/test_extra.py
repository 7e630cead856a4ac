"""The public names of `jero.client`, and the extra that they need."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jero.client
from jero.client import readers

NAMES = {"EventStream", "Reconnection", "RequestRefused", "StreamClient", "StreamCut", "Until"}
WITHOUT_HTTPX = "import sys; sys.modules['httpx'] = None\n"


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)


def test_the_public_names_match_their_stub() -> None:
    stub = ast.parse(Path(jero.client.__file__).with_suffix(".pyi").read_text("utf-8"))
    declared = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == NAMES
    assert jero.client.Until is readers.Until
    assert {getattr(jero.client, name).__name__ for name in NAMES - {"Until"}} == NAMES - {"Until"}


def test_an_unknown_name_raises_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'jero.client' has no attribute 'Movie'"):
        getattr(jero.client, "Movie")  # noqa: B009 - type checkers refuse a plain attribute


def test_the_package_and_its_readers_work_without_httpx() -> None:
    done = run(WITHOUT_HTTPX + "import jero.client, jero.client.readers")
    assert done.returncode == 0, done.stderr


def test_the_package_does_not_import_httpx_on_import() -> None:
    done = run("import sys, jero.client.readers; assert 'httpx' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_the_client_without_httpx_names_the_extra() -> None:
    done = run(WITHOUT_HTTPX + "from jero.client import StreamClient")
    *_, last = done.stderr.splitlines()
    assert last == 'ImportError: jero.client.StreamClient needs httpx: pip install "jero-asgi[client]"'
