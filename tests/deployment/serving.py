"""Runs the shop of the page "Deployment" as the page does: by its commands, and with its files."""

import json
import os
import re
import shlex
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.example import EXAMPLES
from tests.docs.program import ROOT, Program
from tests.matrix.proxies import RUNNERS, shown
from tests.ports import free_port

FILES = EXAMPLES / "deployment"
SHOWN_PORT = "8000"
STARTED = "Application startup complete"
# The files of the proxies, and how each listens.
PROXIES = {
    "nginx": ("nginx.conf", "listen 8080;", "listen 127.0.0.1:{port};"),
    "haproxy": ("haproxy.cfg", "bind :8080", "bind 127.0.0.1:{port}"),
    "caddy": ("Caddyfile", "http://:8080", "http://:{port}"),
}
assert PROXIES.keys() == RUNNERS.keys()
# A busy machine may need more time to start an application than the files give it.
PATIENT = {"haproxy": (("retries 10", "retries 60"),), "caddy": (("lb_try_duration 10s", "lb_try_duration 60s"),)}


def shown_command(name: str, page: Path = ROOT / "docs/deployment.md") -> list[str]:
    """Returns the words of the only command that the page shows of the program `name`."""
    text = page.read_text("utf-8").replace("\\\n", "")
    (command,) = re.findall(rf"^\$ ({name} .*)$", text, re.MULTILINE)
    return shlex.split(command)


def shown_file(name: str) -> str:
    """Returns the text of a file of configuration, without its continued lines."""
    return (FILES / name).read_text("utf-8").replace("\\\n", "")


def setting(name: str, key: str) -> str:
    """Returns the value of a line `key=value` of a file."""
    (value,) = re.findall(rf"^{key}=(.*)$", shown_file(name), re.MULTILINE)
    return str(value)


def instructions(name: str) -> list[str]:
    """Returns the arguments of each instruction of the Dockerfile with that name, in order."""
    return re.findall(rf"^{name} (.*)$", shown_file("Dockerfile"), re.MULTILINE)


def image_command() -> list[str]:
    """Returns the command of the image. Fails if it is a line for a shell."""
    (text,) = instructions("CMD")
    words: list[str] = json.loads(text)
    return words


def on_port(command: Sequence[str], port: int) -> list[str]:
    """Returns the command with another port than the page shows."""
    return [re.sub(rf"(^|:){SHOWN_PORT}$", rf"\g<1>{port}", word) for word in command]


@contextmanager
def environment(redis_url: str, **others: str) -> Generator[None, None, None]:
    """Lets programs that are started in the block find the shop and its Redis."""
    settings: Mapping[str, str] = {
        "REDIS_URL": redis_url,
        "PYTHONPATH": os.pathsep.join([str(EXAMPLES), str(ROOT)]),
        **others,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield


@contextmanager
def running(command: Sequence[str], redis_url: str, workers: int = 1) -> Generator[Program, None, None]:
    """Runs `python -m COMMAND`. Yields the program when its workers have started, and ends it by SIGTERM."""
    with environment(redis_url):
        program = Program([sys.executable, "-m", *command])
    with program:
        try:
            for _ in range(workers):
                program.line_with(STARTED)
            yield program
        finally:
            program.terminate()  # not by SIGKILL: workers outlive a main process that is killed
            program.status()


@contextmanager
def behind(name: str, port: int, directory: Path) -> Generator[str, None, None]:
    """Runs a proxy with its file, before an application on `port`. Yields the URL of the proxy."""
    own = free_port()
    file, there, listening = PROXIES[name]
    changes = (
        (there, listening.format(port=own)),
        (f"127.0.0.1:{SHOWN_PORT}", f"127.0.0.1:{port}"),
        *PATIENT.get(name, ()),
    )
    with shown(name, shown_file(file), directory, (own,), *changes):
        yield f"http://127.0.0.1:{own}"
