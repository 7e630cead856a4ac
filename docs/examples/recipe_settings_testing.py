"""Tests with settings and a clock of their own: run `pytest recipe_settings_testing.py`."""

from datetime import date

from recipe_settings import App, Clock, Settings

from jero.testing import TestClient


class StoppedClock(Clock):
    def today(self) -> date:
        return date(2026, 12, 24)


def test_a_loan_ends_after_the_days_of_the_settings() -> None:
    app = App(Settings(shop_name="Corner", loan_days=10))
    with TestClient(app) as client, app.override(Clock, StoppedClock()):
        assert client.get("/due").json() == {"shop": "Corner", "due": "2027-01-03"}


def test_the_days_have_a_default() -> None:
    assert Settings.read({"SHOP_NAME": "Corner", "PATH": "/usr/bin"}) == Settings("Corner", loan_days=14)
