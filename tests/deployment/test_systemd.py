"""The units of the page: systemd accepts them, the socket is activated, and the times fit each other."""

import shlex
import subprocess
import sys
from pathlib import Path

import httpx
from httpx_sse import connect_sse

from tests.channels.redis_server import RedisServer
from tests.deployment.serving import environment, setting, shown_file
from tests.docs.program import PATIENCE, Program
from tests.ports import free_port
from tests.programs import needs_program

UVICORN = "/srv/shop/.venv/bin/uvicorn"


@needs_program("systemd-analyze")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    for name in ("shop.socket", "shop.service"):
        text = shown_file(name)
        (tmp_path / name).write_text(text.replace(UVICORN, sys.executable), "utf-8")  # systemd looks for the program
    assert faults(tmp_path) == ""

    changed = (tmp_path / "shop.service").read_text("utf-8").replace("KillMode=", "KillMod=")
    (tmp_path / "shop.service").write_text(changed, "utf-8")
    assert "KillMod" in faults(tmp_path)


def faults(directory: Path) -> str:
    """Returns what systemd says of the units in the directory."""
    units = [str(path) for path in directory.iterdir()]
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    return "".join(line for line in said.stderr.splitlines() if str(directory) in line or "shop." in line)


@needs_program("systemd-socket-activate")
def test_a_client_waits_for_the_service_and_its_stream_ends_at_sigterm(redis: RedisServer) -> None:
    port = free_port()
    address = setting("shop.socket", "ListenStream").replace("8000", str(port))
    module, *arguments = shlex.split(setting("shop.service", "ExecStart").replace(UVICORN, "uvicorn"))
    options = ("-E", "PYTHONPATH", "-E", "REDIS_URL", "-E", "PYTHONUNBUFFERED")
    command = ["systemd-socket-activate", "-l", address, *options, "--", sys.executable, "-m", module, *arguments]
    with environment(redis.url):
        program = Program(command)
    with program:
        program.line_with("Listening on")
        with (
            httpx.Client(base_url=f"http://{address}", timeout=PATIENCE, trust_env=False) as client,
            connect_sse(client, "GET", "/orders") as source,
        ):
            assert source.response.status_code == 200
            program.terminate()
            assert "".join(source.response.iter_text()).startswith("retry: ")
            assert program.status() == 0
