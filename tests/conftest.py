"""What every test shares."""

import logging
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests import programs

TESTS = Path(__file__).parent
# Few and long tests. They are begun first, so that in the end no process is left alone with one.
LONG = (
    "channels/test_chaos.py",
    "browser",
    "demo",
    "openapi/test_schemathesis.py",
    "servers",
    "streaming/test_leaks.py",
    "ecosystem",
    "docs",
    "channels",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(item.path.is_relative_to(TESTS / long) for long in LONG))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs_program"):
        programs.require(mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged may be no Unicode, of which a report could not pass from one process to another."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def quiet_event_loop(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What fails in a callback, or in a task that nobody awaits, reaches asyncio's log alone: it fails the test."""
    yield
    faults = [record for record in caplog.get_records("call") if record.name == "asyncio"]
    assert not [record.getMessage() for record in faults if record.levelno >= logging.ERROR]
