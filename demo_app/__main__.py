"""Serves the demo, and prints what to try: `python -m demo_app`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import uvicorn

from demo_app.app import App
from demo_app.operations.question_operations import EXAMPLE
from demo_app.serving import AnnouncedServer
from demo_app.settings import Service, Settings

# jero ends open streams within `drain_timeout` and half a second. uvicorn's limit is for requests that have not opened
# their stream yet, so it is longer.
SHUTDOWN_SECONDS: Final = 7
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - only printed, not bound

BANNER: Final = """\
The demo of jero: {url}/ (Ctrl+C ends it)
Answers come from {answerer}.
Its API is shown, and its streams run live, on {url}/docs. SDKs of OpenAI use {url}/v1 as
their base URL, and any key. Or try:

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
    host: str = options.host
    app = App(replace(settings, allowed_hosts=(*settings.allowed_hosts, _authority(host))))
    config = uvicorn.Config(
        app,
        host=host,
        port=options.port,
        log_config=None,
        lifespan="on",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    listener = config.bind_socket()
    url = f"http://{_authority(ANY_ADDRESS.get(host, host))}:{listener.getsockname()[1]}"

    def announce() -> None:
        print(BANNER.format(url=url, answerer=_answerer(app.service), question=EXAMPLE), flush=True)

    with suppress(KeyboardInterrupt):
        AnnouncedServer(config, announce).run(sockets=[listener])
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


def _authority(host: str) -> str:
    """Returns the host as URLs and the `Host` header have it (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def _answerer(service: Service) -> str:
    if service.is_embedded:
        return f"the embedded offline model at {service.base_url}, because OPENAI_API_KEY is not set"
    return f"{service.model} at {service.base_url}"


if __name__ == "__main__":
    sys.exit(main())
