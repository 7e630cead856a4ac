from pathlib import Path

import pytest

from jero.binding import spool
from tests.forms.disk import Disk


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path)
    monkeypatch.setattr(spool, "TemporaryFile", disk.open)
    return disk
