"""Servers in processes of their own, which the tests start, read and signal."""

import os
import re
import select
import signal
import socket
import subprocess
from collections.abc import Generator, Iterator, Sequence
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
# asyncio keeps a client's reset in a future of the connection. If hypercorn does not await that future, asyncio reports
# it, or not: that depends on the order in which the garbage collector finds the future and its owner.
UNREAD_RESET = re.compile(
    r"Future exception was never retrieved\nfuture: <Future finished exception=ConnectionResetError"
    r".*?^ConnectionResetError:[^\n]*$",
    re.DOTALL | re.MULTILINE,
)


def wait_for_a_core(process: int) -> float:
    """Returns the longest wait of a thread of the process, in seconds. It is 0 if the system does not count it."""
    longest = 0
    for path in Path(f"/proc/{process}/task").glob("*/schedstat"):
        with suppress(OSError):
            _, nanoseconds, _ = path.read_text("ascii").split()
            longest = max(longest, int(nanoseconds))
    return longest / 1e9


class StillThereError(AssertionError):
    """A server did not exit in time. `output`: everything that it wrote, and last the stacks of its threads."""

    def __init__(self, name: str, patience: float, output: str) -> None:
        super().__init__(f"{name} did not exit within {patience:g} s. Its output:\n{output}")
        self.output = output


class Running:
    """A server's process, its port, and what the server and the application have written so far."""

    def __init__(self, server: Server, command: Sequence[str], port: int, directory: Path) -> None:
        self.server = server
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._notes: list[Note] = []
        self._lines: list[str] = []
        self._news = Condition()
        self._waits_before: dict[int, float] = {}
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
        """Returns everything that was written, without the notes."""
        with self._news:
            return "\n".join(self._lines)

    @property
    def errors(self) -> list[str]:
        """Returns the lines that begin an error, without the resets that asyncio reports."""
        lines = UNREAD_RESET.sub("", self.output).splitlines()
        return [line for line in lines if "Traceback" in line or "ERROR" in line]

    def connect(self) -> socket.socket:
        """Returns a connection to the server, with a timeout for every operation."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def wait_until_it_answers(self) -> None:
        """Waits until the server has answered a request. Fails if the server exits before that.

        A server may accept connections before it serves them, and granian then loses a signal to stop.
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
        """Returns the notes of `what` so far; with `key`, only those of one stream."""
        with self._news:
            return [note for note in self._notes if note.what == what and key in (None, note.key)]

    def note(self, what: str, key: str) -> Note:
        """Waits for a note of one stream, and returns it."""
        return self.wait_for(what, key)[0]

    def wait_for(self, what: str, key: str | None = None, *, count: int = 1) -> list[Note]:
        """Waits for `count` notes, and returns them. If they do not come, the server dumps its stacks and is ended."""
        if not self.has_noted(what, key, count=count, within=PATIENCE):
            came = len(self.notes(what, key))
            self._abort()
            raise AssertionError(f"{came} of {count} notes of {what!r} ({key}) came. Its output:\n{self.output}")
        return self.notes(what, key)

    def has_noted(self, what: str, key: str | None = None, *, count: int = 1, within: float) -> bool:
        """Waits up to `within` seconds. Returns whether `count` notes came."""
        with self._news:
            return self._news.wait_for(lambda: len(self.notes(what, key)) >= count, within)

    def interrupt(self, number: signal.Signals) -> float:
        """Signals the main process, as a supervisor does. Returns the time."""
        self._waits_before = self._waits_for_a_core()
        at = monotonic()
        self._process.send_signal(number)
        return at

    def interrupt_group(self, number: signal.Signals) -> float:
        """Signals all processes of the server, as a terminal does. Returns the time."""
        self._waits_before = self._waits_for_a_core()
        at = monotonic()
        os.killpg(self._process.pid, number)
        return at

    def status(self, patience: float) -> int:
        """Waits for the server to exit, and returns its status: everything that it wrote has been read by then.

        Raises `StillThereError` after `patience` seconds. The time that its processes wait for a core is not counted.
        """
        deadline = monotonic() + patience
        waits: dict[int, float] = {}
        while self._process.poll() is None:
            waits |= self._waits_for_a_core()
            waited = sum(seconds - self._waits_before.get(process, 0) for process, seconds in waits.items())
            if monotonic() > deadline + min(waited, PATIENCE):
                self._abort()
                raise StillThereError(self.server.name, patience, self.output)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL * 5)
        self._reader.join(PATIENCE)
        return self._process.wait()

    def end(self) -> None:
        """Kills all processes of the group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def _abort(self) -> None:
        """Makes the processes dump their stacks and exit: one after the other, workers first."""
        for process in sorted(self._group(), reverse=True):
            with suppress(ProcessLookupError):
                ending = os.pidfd_open(process)
                os.kill(process, signal.SIGABRT)
                select.select([ending], [], [], PATIENCE)
                os.close(ending)
        self._reader.join(PATIENCE)

    def _group(self) -> Iterator[int]:
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(ProcessLookupError):
                if os.getpgid(int(path.name)) == self._process.pid:
                    yield int(path.name)

    def _waits_for_a_core(self) -> dict[int, float]:
        """Returns how many seconds each process has been ready to run while others had the cores of the machine."""
        return {process: wait_for_a_core(process) for process in self._group()}

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
    """Runs a server with the application, and kills it on exit."""
    port = free_port()
    process = Running(server, server.command(app, port, *options), port, directory)
    try:
        process.wait_until_it_answers()
        yield process
    finally:
        process.end()
