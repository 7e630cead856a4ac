"""What every test shares."""

import pytest

from tests import programs


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs_program"):
        programs.require(mark.args)
