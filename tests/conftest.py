"""What every test shares."""

import logging
from collections.abc import Generator, Iterator

import pytest

from tests import programs


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
