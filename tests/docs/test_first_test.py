import sys

from tests.docs.example import EXAMPLES
from tests.docs.program import Program


def test_the_first_test_passes() -> None:
    test = str(EXAMPLES / "first_test.py")
    with Program([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]) as run:
        lines = run.rest()
        assert run.status() == 0, "\n".join(lines)
    assert lines[-1].startswith("1 passed")
