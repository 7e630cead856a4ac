"""Runs a server that inherits its socket, as systemd's socket activation starts one: `activated PORT MODULE ...`.

The socket is descriptor 3, and listens before the server runs.
"""

import os
import socket
import sys

FIRST = 3


def main(port: str, *command: str) -> None:
    """Replaces this process by `python -m COMMAND`."""
    listener = socket.create_server(("127.0.0.1", int(port)))
    if listener.fileno() == FIRST:
        listener.set_inheritable(True)
    else:
        os.dup2(listener.fileno(), FIRST)
    os.execv(sys.executable, [sys.executable, "-m", *command])


if __name__ == "__main__":
    main(*sys.argv[1:])
