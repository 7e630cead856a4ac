"""Runs each asynchronous test of this folder on every kind of event loop."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import uvloop

from jero.streaming import buffer


def eager_loop() -> asyncio.AbstractEventLoop:
    """Returns a loop whose tasks take their first step where they are made."""
    loop = asyncio.SelectorEventLoop()
    factory: Any = getattr(asyncio, "eager_task_factory", None)
    loop.set_task_factory(factory)
    return loop


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}
if sys.version_info >= (3, 12):  # uvloop has no eager tasks
    LOOPS["eager"] = eager_loop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Returns the event loops by their names in the tests' ids."""
    return LOOPS


@pytest.fixture
def long_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a source keep the event loop, however slow this machine is."""
    monkeypatch.setattr(buffer, "TURN_SECONDS", 60)
