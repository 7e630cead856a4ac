"""Runs a PostgreSQL for the tests: on a free port, in a folder of its own, ended by its process id."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from tests import programs
from tests.ports import free_port

PATIENCE = 30.0
USER = "jero"


def other_user() -> str | None:
    """Returns the user that runs the server. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def running_postgres() -> Generator[str, None, None]:
    """Starts a server for a block of code. Yields its URL. Skips or fails the test if PostgreSQL is missing."""
    programs.require(["initdb", "postgres"])
    user = other_user()
    folder = Path(tempfile.mkdtemp(prefix="jero-postgres-"))  # not below pytest's, which only its own user may enter
    if user is not None:
        shutil.chown(folder, user)
    port = free_port()
    try:
        with (folder / "log").open("wb") as log:
            make = ["initdb", "--pgdata", str(folder / "data"), "--username", USER, "--auth", "trust", "--no-sync"]
            subprocess.run([*make, "--no-locale"], check=True, user=user, stdout=log, stderr=log, cwd=folder)
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": str(port),
                "unix_socket_directories": "",
                "fsync": "off",
                "max_connections": "20",
                "shared_buffers": "16MB",
            }
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            command = ["postgres", "-D", str(folder / "data"), *options]
            process = subprocess.Popen(command, user=user, stdout=log, stderr=log, cwd=folder)
        try:
            wait_until_ready(process, port, folder / "log")
            yield f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing is to be kept
            process.wait(PATIENCE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Waits until the server accepts connections."""
    # The first message of a client: a request for encryption, which the server answers with one letter.
    ask = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
    deadline = monotonic() + PATIENCE
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(ask)
            if connection.recv(1) in (b"N", b"S") and "ready to accept connections" in log.read_text("utf-8"):
                return
        assert process.poll() is None, log.read_text("utf-8")
        assert monotonic() < deadline, "PostgreSQL does not answer"
        sleep(0.02)
