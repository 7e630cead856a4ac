"""Sorts the tests, checks the programs that they need, and fails those that leave an error in the event loop."""

import gc
import logging
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tests import programs
from tests.channels.redis_cluster import ClusterServers, running_cluster

TESTS = Path(__file__).parent
# A few long tests. They start first, so that no process works on one alone at the end.
LONG = (
    "channels/test_chaos.py",
    "browser",
    "matrix",
    "demo",
    "openapi/test_schemathesis.py",
    "openapi/test_python_client.py",
    "npm",
    "servers",
    "streaming/test_leaks.py",
    "ecosystem",
    "docs",
    "channels",
)


# A loaded machine may take longer for an example than hypothesis allows by default: no test depends on its time.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not is_long(item.path))


@cache
def is_long(path: Path) -> bool:
    return any(path.is_relative_to(TESTS / long) for long in LONG)


def pytest_collection_finish() -> None:
    """Exempts the tests themselves, and the modules that they import, from the collections of garbage.

    They are a million objects. A test of leaks that collects the garbage would take twenty times as long.
    """
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs_program"):
        programs.require(mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escapes what is not Unicode in logs: such a report cannot be sent to another process."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(scope="session")
def cluster_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterServers]:
    """Starts a Redis cluster for all tests of this process."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def quiet_event_loop(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails the test if a callback or a task that nobody awaits fails: only asyncio's log contains these errors."""
    yield
    faults = [record for record in caplog.get_records("call") if record.name == "asyncio"]
    assert not [record.getMessage() for record in faults if record.levelno >= logging.ERROR]
