"""What the environment says, read once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

OPENAI_BASE_URL: Final = "https://api.openai.com/v1"
OPENAI_MODEL: Final = "gpt-5.4-mini"
MAX_PATIENCE: Final = 3600.0


@dataclass(frozen=True)
class Service:
    """A chat-completions service: where it is, whom to ask there, and with which key."""

    base_url: str
    model: str
    api_key: str = field(repr=False)
    is_embedded: bool = False


@dataclass(frozen=True)
class Settings:
    """`service`: the one to ask, `None` for the embedded stand-in. `patience`: seconds that its first word may take,
    and that it may fall silent for later on. `heartbeat`: seconds between two signs of life in the notifications.
    """

    service: Service | None = None
    patience: float = 30.0
    heartbeat: float = 1.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_MODEL` and `UPSTREAM_TIMEOUT`, an empty one as none.

        Raises `ValueError` for a time-out that is no number of seconds.
        """
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        patience = _seconds(given.get("UPSTREAM_TIMEOUT", "30"))
        if "OPENAI_API_KEY" not in given:
            return cls(patience=patience)
        service = Service(
            base_url=given.get("OPENAI_BASE_URL", OPENAI_BASE_URL),
            model=given.get("OPENAI_MODEL", OPENAI_MODEL),
            api_key=given["OPENAI_API_KEY"],
        )
        return cls(service, patience)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_PATIENCE:
        raise ValueError(f"UPSTREAM_TIMEOUT={text!r}: it is a number of seconds, above 0 and up to {MAX_PATIENCE:g}.")
    return seconds
