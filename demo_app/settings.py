"""Reads the settings from the environment, once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

OPENAI_BASE_URL: Final = "https://api.openai.com/v1"
OPENAI_MODEL: Final = "gpt-5.4-mini"
MAX_TIMEOUT: Final = 3600.0
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
OPENAPI_VERSIONS: Final = ("3.2.0", "3.1.0")
# A page of another site reaches a server on this machine if its name resolves to a loopback address (DNS rebinding).
# Its requests have its own name as their host.
LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")
_HOST: Final = re.compile(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True)
class Service:
    """A chat-completions service: its address, the model, and the key."""

    base_url: str
    model: str
    api_key: str = field(repr=False)
    is_embedded: bool = False


@dataclass(frozen=True)
class Settings:
    """The settings of the demo.

    `service`: answers the questions; `None` for the embedded offline model. `upstream_timeout`: seconds until its first
    word has to arrive, and the longest silence after it. `heartbeat`: seconds between two heartbeats in the
    notifications. `openapi_version`: the version of the document, one of `OPENAPI_VERSIONS`. `redis_url`: keeps the
    notifications; `None` for this process's memory. `allowed_hosts`: requests for other hosts are refused; "*" allows
    all, and "*.example.com" all names below one.
    """

    service: Service | None = None
    upstream_timeout: float = 30.0
    heartbeat: float = 1.0
    openapi_version: str = OPENAPI_VERSIONS[0]
    redis_url: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = LOOPBACK_HOSTS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables that docs/demo.md lists. An empty variable counts as not set.

        Raises `ValueError` if a timeout is not a number of seconds, if the version of OpenAPI is not supported, if the
        URL is not a URL of a Redis, or if a host has a port or a misplaced "*".
        """
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        return cls(
            service=_service(given) if "OPENAI_API_KEY" in given else None,
            upstream_timeout=_seconds(given.get("UPSTREAM_TIMEOUT", "30")),
            openapi_version=_openapi_version(given.get("JERO_DEMO_OPENAPI", OPENAPI_VERSIONS[0])),
            redis_url=_redis_url(given.get("JERO_DEMO_REDIS")),
            allowed_hosts=_allowed_hosts(given.get("JERO_DEMO_HOSTS", "")),
        )


def _service(given: Mapping[str, str]) -> Service:
    return Service(
        base_url=given.get("OPENAI_BASE_URL", OPENAI_BASE_URL),
        model=given.get("OPENAI_MODEL", OPENAI_MODEL),
        api_key=given["OPENAI_API_KEY"],
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT:
        raise ValueError(f"UPSTREAM_TIMEOUT={text!r}: set it to seconds, above 0 and up to {MAX_TIMEOUT:g}.")
    return seconds


def _openapi_version(text: str) -> str:
    if text not in OPENAPI_VERSIONS:
        raise ValueError(f"JERO_DEMO_OPENAPI={text!r}: set it to {' or '.join(OPENAPI_VERSIONS)}.")
    return text


def _redis_url(text: str | None) -> str | None:
    if text is not None and not text.startswith(REDIS_SCHEMES):
        raise ValueError("JERO_DEMO_REDIS is not a URL of a Redis: begin it with redis://, rediss:// or unix://.")
    return text


def _allowed_hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip() for host in text.split(",") if host.strip())
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"JERO_DEMO_HOSTS={text!r}: {host!r} is not a host: write names or addresses, no ports.")
    return (*LOOPBACK_HOSTS, *hosts)
