"""Serves the demo, and prints what to try: `python -m demo_app`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import uvicorn

from demo_app.app import App
from demo_app.operations.streaming_operations import EXAMPLE
from demo_app.serving import AnnouncedServer
from demo_app.settings import Service, Settings

# jero ends open streams within `drain_timeout` and half a second. uvicorn's limit is for requests that have not opened
# their stream yet, so it is longer.
SHUTDOWN_SECONDS: Final = 7
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - only printed, not bound

BANNER: Final = """\
The demo of jero listens on {url} (Ctrl+C ends it); answers come from {answerer}.
Its API is shown, and its streams run live, on {url}/docs. Or try:

  curl -N {url}/questions -H 'Content-Type: application/json' -d '{{"text": "{question}"}}'
  curl -N {url}/notifications
  curl {url}/health
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal stops the server. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    _set_up_logs()
    config = uvicorn.Config(
        App(settings),
        host=options.host,
        port=options.port,
        log_config=None,
        lifespan="on",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    listener = config.bind_socket()
    banner = BANNER.format(
        url=_url(options.host, listener.getsockname()[1]), answerer=_answerer(settings.service), question=EXAMPLE
    )
    with suppress(KeyboardInterrupt):
        AnnouncedServer(config, lambda: print(banner, flush=True)).run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo_app", description="Serve the demo of jero.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=8000, type=_port, help="its port, 0 for a free one (default: %(default)s)")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 65535")
    return int(text)


def _set_up_logs() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("jero", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.INFO)


def _url(host: str, port: int) -> str:
    shown = ANY_ADDRESS.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _answerer(service: Service | None) -> str:
    if service is None:
        return "the embedded offline model, because OPENAI_API_KEY is not set"
    return f"{service.model} at {service.base_url}"


if __name__ == "__main__":
    sys.exit(main())
