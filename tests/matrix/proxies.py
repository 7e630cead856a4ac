"""Proxies in processes of their own: their configuration is written for a test, and they are ended after it."""

import os
import re
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_connection
from time import monotonic, sleep
from typing import Final

from tests.matrix.exceptions import TRIED

PATIENCE = 20.0

NGINX = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{content}
}}
"""

CADDY_OPTIONS = """\
{
    admin off
    auto_https off
    servers {
        protocols h1 h2c
    }
}
"""


@contextmanager
def nginx(directory: Path, content: str, *ports: int) -> Generator[None, None, None]:
    """Runs nginx with the content of its `http` block."""
    file = directory / "nginx.conf"
    file.write_text(NGINX.format(directory=directory, content=content), "utf-8")
    with proxy(["nginx", "-e", f"{directory}/error.log", "-c", str(file)], directory, ports):
        yield


@contextmanager
def haproxy(directory: Path, content: str, *ports: int) -> Generator[None, None, None]:
    """Runs HAProxy with a whole configuration."""
    file = directory / "haproxy.cfg"
    file.write_text(content, "utf-8")
    with proxy(["haproxy", "-f", str(file)], directory, ports):
        yield


@contextmanager
def caddy(directory: Path, content: str, *ports: int) -> Generator[None, None, None]:
    """Runs Caddy with the sites of a Caddyfile, on ports that accept HTTP/2 without TLS too."""
    file = directory / "Caddyfile"
    file.write_text(CADDY_OPTIONS + content, "utf-8")
    with proxy(["caddy", "run", "--config", str(file), "--adapter", "caddyfile"], directory, ports):
        yield


RUNNERS: Final = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}


@contextmanager
def shown(
    name: str, settings: str, directory: Path, ports: Sequence[int], *changes: tuple[str, str]
) -> Generator[None, None, None]:
    """Runs a proxy with settings that a page shows, each of `changes` applied: a text of them, and another text."""
    for before, after in changes:
        assert before in settings, before
        settings = settings.replace(before, after)
    directory.mkdir()
    with RUNNERS[name](directory, settings, *ports):
        yield


@contextmanager
def proxy(command: Sequence[str], directory: Path, ports: Sequence[int]) -> Generator[None, None, None]:
    """Runs a proxy that listens on `ports`, and ends it on exit."""
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, "HOME": str(directory)}, stdout=output, stderr=output)
    try:
        for port in ports:
            wait_for_port(process, directory, port)
        yield
    finally:
        process.kill()
        process.wait()


def is_tried(name: str) -> bool:
    """Returns whether the installed version is the one that the pages speak of. A later one may be mended."""
    return version(name, "version" if name == "caddy" else "-v") == TRIED[name]


def version(program: str, *arguments: str) -> str:
    """Returns the version of an installed program, as in "2.6"."""
    printed = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    found = re.search(r"\d+\.\d+", printed.stdout + printed.stderr)
    assert found, printed
    return found[0]


def wait_for_port(process: subprocess.Popen[bytes], directory: Path, port: int) -> None:
    """Waits until something listens on the port. Fails if the process ends before that."""
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        assert process.poll() is None, (directory / "output").read_text("utf-8")
        with suppress(OSError), create_connection(("127.0.0.1", port), PATIENCE):
            return
        sleep(0.02)
    raise AssertionError(f"nothing listens on port {port}")
