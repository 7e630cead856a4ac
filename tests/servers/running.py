"""A server that runs beside the tests, in a process group of its own."""

import os
import select
import signal
import socket
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition, Thread
from time import monotonic

import msgspec

from tests.ports import free_port
from tests.servers.feeds import Note
from tests.servers.servers import Server
from tests.servers.wire import request

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0
POLL = 0.02


class StillThereError(AssertionError):
    """It was to end, and did not in time. `output`: all that it wrote, and last where each of its threads stood."""

    def __init__(self, name: str, patience: float, output: str) -> None:
        super().__init__(f"{name} is still there after {patience:g} s; it wrote:\n{output}")
        self.output = output


class Running:
    """Its process, its port, and what it and the application have written so far."""

    def __init__(self, server: Server, command: Sequence[str], port: int, directory: Path) -> None:
        self.server = server
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._notes: list[Note] = []
        self._lines: list[str] = []
        self._news = Condition()
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._reader = Thread(target=self._read, name=f"output of {server.name}", daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """All that was written, but for the notes."""
        with self._news:
            return "\n".join(self._lines)

    def connect(self) -> socket.socket:
        """A connection to it, whose every wait is bounded."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def wait_until_it_answers(self) -> None:
        """Returns when the server has answered a request; fails where it ends before that.

        A server may take connections before it serves them, and granian then loses the signal to stop.
        """
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            assert self._process.poll() is None, f"{self.server.name} ended: {self.output}"
            with suppress(OSError), self.connect() as connection:
                connection.sendall(request("/", headers="Connection: close\r\n"))
                if connection.recv(1):
                    return
            with self._news:
                self._news.wait(POLL)
        raise AssertionError(f"{self.server.name} does not answer: {self.output}")

    def notes(self, what: str, key: str | None = None) -> list[Note]:
        """What the application has told so far of `what`; of one stream where `key` is given."""
        with self._news:
            return [note for note in self._notes if note.what == what and key in (None, note.key)]

    def note(self, what: str, key: str) -> Note:
        """The note of one stream, waited for."""
        return self.wait_for(what, key)[0]

    def wait_for(self, what: str, key: str | None = None, *, count: int = 1) -> list[Note]:
        """The notes, as soon as there are so many. Where they do not come the server says where it stands, and ends."""
        if not self.is_told(what, key, count=count, within=PATIENCE):
            came = len(self.notes(what, key))
            self._abort()
            raise AssertionError(f"{came} of {count} notes of {what!r} ({key}) came; it wrote:\n{self.output}")
        return self.notes(what, key)

    def is_told(self, what: str, key: str | None = None, *, count: int = 1, within: float) -> bool:
        """Whether there are so many notes within so many seconds."""
        with self._news:
            return self._news.wait_for(lambda: len(self.notes(what, key)) >= count, within)

    def interrupt(self, number: signal.Signals) -> float:
        """Signals the main process, as a supervisor does; gives the time."""
        at = monotonic()
        self._process.send_signal(number)
        return at

    def interrupt_group(self, number: signal.Signals) -> float:
        """Signals all its processes, as a terminal does; gives the time."""
        at = monotonic()
        os.killpg(self._process.pid, number)
        return at

    def status(self, patience: float) -> int:
        """The exit status; `StillThereError` where the server is still there after so many seconds."""
        try:
            return self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._abort()
            raise StillThereError(self.server.name, patience, self.output) from None

    def end(self) -> None:
        """Leaves no process of the group behind."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def _abort(self) -> None:
        """Has its processes say where their threads stand: one after the other, workers first."""
        group = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        for process in sorted(group, reverse=True):
            with suppress(ProcessLookupError):
                if os.getpgid(process) == self._process.pid:
                    ending = os.pidfd_open(process)
                    os.kill(process, signal.SIGABRT)
                    select.select([ending], [], [], PATIENCE)
                    os.close(ending)
        self._reader.join(PATIENCE)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._news:
                    if line.startswith("@ "):
                        self._notes.append(msgspec.json.decode(line[2:], type=Note))
                    else:
                        self._lines.append(line.rstrip())
                    self._news.notify_all()


@contextmanager
def running(
    server: Server, app: str = "tests.servers.feeds:app", *options: str, directory: Path = ROOT
) -> Generator[Running, None, None]:
    """The server with the application, killed with the block if it has not ended."""
    port = free_port()
    process = Running(server, server.command(app, port, *options), port, directory)
    try:
        process.wait_until_it_answers()
        yield process
    finally:
        process.end()
