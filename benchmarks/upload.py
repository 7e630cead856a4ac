"""Uploads a large file: `python -m benchmarks.upload [MiB]` prints its cost, and exits with 1 if that is too much."""

import socket
import sys
from time import monotonic

from benchmarks.client import connected
from benchmarks.server import Server

MIB = 1_048_576
# What an upload may add to an idle server, whatever the size of the file.
MOST_BYTES = 60 * MIB
HEAD = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
END = b"\r\n--edge--\r\n"


def send(connection: socket.socket, path: str, size: int, server: Server) -> int:
    """Sends a form with a file of `size` MiB. Returns the largest number of bytes that the server had meanwhile."""
    length = len(HEAD) + size * MIB + len(END)
    head = f"POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
    head += "Content-Type: multipart/form-data; boundary=edge\r\n"
    connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + HEAD)
    most, chunk = 0, bytes(range(256)) * (MIB // 256)
    for number in range(size):
        connection.sendall(chunk)
        if number % 64 == 0:
            most = max(most, server.read().resident)
    connection.sendall(END)
    return most


def answer_of(connection: socket.socket) -> bytes:
    """Returns everything that the server sends."""
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


def main(size: int) -> bool:
    """Measures one upload after a small one. Returns whether the memory is within its bound."""
    with Server("benchmarks.subjects.jero_upload_app") as server:
        server.share_cores()
        with connected(server.port) as connection:
            send(connection, "/uploads", 1, server)
            answer_of(connection)
        before = server.read()
        began = monotonic()
        with connected(server.port) as connection:
            connection.settimeout(600)
            most = send(connection, "/uploads", size, server)
            sent = monotonic() - began
            answer = answer_of(connection)
            after = server.read()
        if not answer.endswith(b"\r\n\r\n%d" % (size * MIB)):
            raise RuntimeError(f"the server answered {answer!r}")
        added = max(most, after.resident) - before.resident
        print(f"{size} MiB: sent in {sent:.1f} s, read by the handler in {monotonic() - began - sent:.1f} s more,")
        print(f"with {after.cpu - before.cpu:.1f} s of CPU and {added / MIB:.1f} MiB of memory over the idle server")
        return added <= MOST_BYTES


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_024))
