"""The Dockerfile: its command serves and stops as process 1, without a shell."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse

from tests.channels.redis_server import RedisServer
from tests.deployment.serving import STARTED, environment, image_command, instructions, on_port, shown_file
from tests.docs.example import EXAMPLES
from tests.docs.program import PATIENCE, Program
from tests.ports import free_port

# Process 1 of a namespace is sent only the signals that it handles.
AS_PROCESS_1 = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child")


def may_be_process_1() -> bool:
    """Returns whether this system lets the tests make a namespace."""
    if shutil.which(AS_PROCESS_1[0]) is None:
        return False
    return subprocess.run([*AS_PROCESS_1, "true"], capture_output=True, check=False).returncode == 0


def signalled(program: Program) -> int:
    """Returns the id of the server's process: the child of `unshare`, or the program itself."""
    children = Path(f"/proc/{program.process_id}/task/{program.process_id}/children").read_text("ascii").split()
    return int(children[0]) if children else program.process_id


def test_the_command_serves_and_stops_at_sigterm(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for copied in instructions("COPY"):
        name, _ = copied.split()
        if (EXAMPLES / name).exists():  # requirements.txt is the reader's
            shutil.copy(EXAMPLES / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    port = free_port()
    module, *arguments = on_port(image_command(), port)
    arguments[arguments.index("0.0.0.0")] = "127.0.0.1"
    is_process_1 = may_be_process_1()
    prefix = AS_PROCESS_1 if is_process_1 else ()
    with environment(redis.url):
        program = Program([*prefix, sys.executable, "-m", module, *arguments])
    with program:
        program.line_with(STARTED)
        with (
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client,
            connect_sse(client, "GET", "/orders") as source,
        ):
            os.kill(signalled(program), signal.SIGTERM)
            assert "".join(source.response.iter_text()).startswith("retry: ")
        assert program.status() == (0 if is_process_1 else -signal.SIGTERM)


def test_the_image_has_a_user_of_its_own() -> None:
    (user,) = instructions("USER")
    assert int(user) > 0
    text = shown_file("Dockerfile")
    assert text.index("RUN ") < text.index("USER ") < text.index("CMD ")
