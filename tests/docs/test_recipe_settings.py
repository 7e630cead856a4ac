from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

import httpx
import pytest
from msgspec import Meta, ValidationError
from recipe_settings import Settings

from tests.docs.example import running, served
from tests.docs.program import PATIENCE


def test_the_application_starts_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_NAME", "Corner")
    monkeypatch.setenv("LOAN_DAYS", "9000")
    with served("recipe_settings") as example:
        found = httpx.get(f"{example.url}/due", timeout=PATIENCE, trust_env=False).json()
    assert found["shop"] == "Corner"
    assert date.fromisoformat(found["due"]) - datetime.now(UTC).date() > timedelta(days=8_998)


@pytest.mark.parametrize(
    ("environment", "error"),
    [
        ({}, "SHOP_NAME"),
        ({"SHOP_NAME": "Corner", "LOAN_DAYS": "many"}, "LOAN_DAYS"),
    ],
)
def test_a_variable_that_is_missing_or_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], error: str
) -> None:
    for name in ("SHOP_NAME", "LOAN_DAYS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with running("recipe_settings") as program:
        lines = program.rest()
        assert program.status() == 3
    assert error in next(line for line in lines if "ValidationError" in line)


def test_an_error_shows_no_text_of_a_value_except_one_of_a_choice() -> None:
    class Secrets(Settings, frozen=True, rename="upper"):
        port: int = 1
        since: date = date.min
        pattern: Annotated[str, Meta(pattern="^x$")] = "x"
        level: Literal["info", "debug"] = "info"

    for name in ("LOAN_DAYS", "PORT", "SINCE", "PATTERN", "LEVEL"):
        with pytest.raises(ValidationError) as raised:
            Secrets.read({"SHOP_NAME": "Corner", name: "hunter2"})
        assert ("hunter2" in str(raised.value)) is (name == "LEVEL")
