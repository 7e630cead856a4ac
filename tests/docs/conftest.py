"""Serves the file of docs/examples that a test module is named after, once for the whole module."""

from collections.abc import Iterator

import httpx
import pytest

from tests.docs.example import Example, served
from tests.docs.program import PATIENCE


@pytest.fixture(scope="module")
def example(request: pytest.FixtureRequest) -> Iterator[Example]:
    with served(request.path.stem.removeprefix("test_")) as example:
        yield example


@pytest.fixture
def client(example: Example) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=example.url, timeout=PATIENCE, trust_env=False) as client:
        yield client
