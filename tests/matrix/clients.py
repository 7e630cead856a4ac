"""Clients that report what they can know of a response: its status, its bytes, and whether it is complete."""

import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import h2.config
import h2.connection
import h2.events
import h2.exceptions

# Seconds after which a response that has not ended counts as one that never ends.
PATIENCE = 12.0
CURL_VERSIONS = {"1.0": "--http1.0", "1.1": "--http1.1", "2": "--http2-prior-knowledge"}
CURL_TIMED_OUT = 28


@dataclass(frozen=True)
class Seen:
    """A response as a client sees it.

    `end`: "complete", "cut", "never" if it has not ended, or "unnoticed" if the server did not notice a stalled client.
    """

    status: int
    body: bytes
    end: str
    detail: str = ""


def curl_command(url: str, protocol: str, patience: float = PATIENCE) -> list[str]:
    """Returns the command that reads `url`, and writes the status to standard error."""
    options = ("--silent", "--show-error", "--no-buffer", "--max-time", f"{patience:g}", "--noproxy", "*")
    return ["curl", *options, CURL_VERSIONS[protocol], "--write-out", "%{stderr}\n%{http_code}", url]


def seen_by_curl(status: int, body: bytes, errors: str) -> Seen:
    """Returns a response from curl's exit status and outputs."""
    message, _, http_status = errors.rpartition("\n")
    end = {0: "complete", CURL_TIMED_OUT: "never"}.get(status, "cut")
    return Seen(int(http_status), body, end, message.strip())


def read(url: str, protocol: str) -> Seen:
    """Reads a response with curl."""
    curl = subprocess.run(curl_command(url, protocol), capture_output=True, check=False)
    return seen_by_curl(curl.returncode, curl.stdout, curl.stderr.decode())


def read_late(port: int, path: str, protocol: str, wait: Callable[[], None]) -> Seen:
    """Sends a request, and reads nothing of the response until `wait` returns."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(PATIENCE)
    with connection:
        connection.connect(("127.0.0.1", port))
        if protocol == "2":
            return _read_late_by_http2(connection, path, wait)
        connection.sendall(f"GET {path} HTTP/{protocol}\r\nHost: test\r\n\r\n".encode())
        wait()
        received, end = _rest(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head else 0
    if b"transfer-encoding: chunked" in head.lower():
        body, is_whole = _dechunked(body)
        end = "cut" if end == "complete" and not is_whole else end
    return Seen(status, body, end)


def _rest(connection: socket.socket) -> tuple[bytes, str]:
    """Returns everything up to the end of the connection, and how the connection ends."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
    received = bytearray()
    deadline = monotonic() + PATIENCE
    try:
        while data := connection.recv(1_000_000):
            received += data
            if received.endswith(b"\r\n0\r\n\r\n"):
                break
            if monotonic() > deadline:
                return bytes(received), "never"
    except TimeoutError:
        return bytes(received), "never"
    except ConnectionResetError:
        return bytes(received), "cut"
    return bytes(received), "complete"


def _dechunked(body: bytes) -> tuple[bytes, bool]:
    """Returns the content of the chunks that came, and whether the last one came."""
    content, at = bytearray(), 0
    while (line_end := body.find(b"\r\n", at)) >= 0:
        size = int(body[at:line_end], 16)
        if size == 0:
            return bytes(content), True
        content += body[line_end + 2 : line_end + 2 + size]
        at = line_end + 2 + size + 2
    return bytes(content), False


def _read_late_by_http2(connection: socket.socket, path: str, wait: Callable[[], None]) -> Seen:
    """Opens no more than the window that a stream begins with, until `wait` returns."""
    protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    protocol.initiate_connection()
    names = ((":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "test"))
    protocol.send_headers(1, names, end_stream=True)
    connection.sendall(protocol.data_to_send())
    wait()
    seen = _Http2Response()
    with suppress(OSError, h2.exceptions.ProtocolError):
        protocol.increment_flow_control_window(2**30)
        protocol.increment_flow_control_window(2**30, stream_id=1)
        connection.sendall(protocol.data_to_send())
        deadline = monotonic() + PATIENCE
        try:
            while not seen.end:
                data = connection.recv(1_000_000)
                seen.take(protocol.receive_data(data) if data else [h2.events.ConnectionTerminated()])
                connection.sendall(protocol.data_to_send())
                if monotonic() > deadline:
                    raise TimeoutError
        except TimeoutError:
            seen.end = "never"
    return Seen(seen.status, bytes(seen.body), seen.end or "cut")


class _Http2Response:
    def __init__(self) -> None:
        self.status = 0
        self.body = bytearray()
        self.end = ""

    def take(self, events: list[h2.events.Event]) -> None:
        for event in events:
            match event:
                case h2.events.ResponseReceived(headers=headers):
                    self.status = int(dict(headers)[b":status"])
                case h2.events.DataReceived(data=data):
                    self.body += data
                case h2.events.StreamEnded():
                    self.end = "complete"
                case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                    self.end = self.end or "cut"
                case _:
                    pass
