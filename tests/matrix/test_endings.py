"""A client can tell a cut stream from a whole one: every ending, in every format, on every way to the client."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.matrix.cells import ALL_WAYS, CELLS, Cell, Way
from tests.matrix.clients import Seen
from tests.matrix.exceptions import EXCEPTIONS, known
from tests.matrix.observing import observed
from tests.matrix.verdicts import fault
from tests.programs import needs_program
from tests.servers.servers import Server

pytestmark = needs_program("curl", "nginx")


class Observations:
    """Observes what the clients see, once for each server: all cells of a server at the same time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: dict[str, Mapping[Cell, Seen]] = {}

    def of(self, server: Server) -> Mapping[Cell, Seen]:
        """Returns what the client of each cell of the server sees."""
        if server.name not in self._seen:
            directory = self._directory / server.name
            directory.mkdir()
            self._seen[server.name] = observed(server, directory)
        return self._seen[server.name]


@pytest.fixture(scope="module")
def observations(tmp_path_factory: pytest.TempPathFactory) -> Observations:
    return Observations(tmp_path_factory.mktemp("matrix"))


@pytest.mark.parametrize("way", ALL_WAYS, ids=str)
def test_a_client_can_tell_how_a_stream_ended(observations: Observations, way: Way) -> None:
    seen = observations.of(way.server)
    wrong = [sentence for cell in CELLS if cell.way is way and (sentence := disagreement(cell, seen[cell]))]
    assert not wrong, "\n".join(wrong)


def disagreement(cell: Cell, seen: Seen) -> str | None:
    """Returns a sentence if the cell is wrong and not known to be, or known to be wrong and right."""
    found, excuses = fault(cell, seen), known(cell)
    if found is None and excuses:
        return f"{cell}: right, so it must leave tests/matrix/exceptions.py"
    if found is not None and found not in [excuse.seen for excuse in excuses]:
        return f"{cell}: {found} ({seen.detail})"
    return None


def test_each_exception_names_cells_of_its_own() -> None:
    excused = [exception for cell in CELLS for exception in known(cell)]
    assert set(excused) == set(EXCEPTIONS)
    assert not [cell for cell in CELLS if len(known(cell)) > 1]


def test_the_matrix_has_every_cell_once() -> None:
    assert len(CELLS) == len(ALL_WAYS) * 4 * 6
    assert set(Counter(cell.key for cell in CELLS).values()) == {1}
    assert len(ALL_WAYS) == 54
