"""Provides the documents that this repository publishes, as files."""

from pathlib import Path

import pytest

from tests.openapi.published import write_documents


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Returns the documents by names such as `archive-3.1.0`. All are in one folder."""
    return write_documents(tmp_path_factory.mktemp("documents"))
