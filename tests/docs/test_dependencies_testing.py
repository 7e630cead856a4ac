import sys

from tests.docs.example import EXAMPLES
from tests.docs.program import Program


def test_the_tests_of_the_example_pass() -> None:
    file = str(EXAMPLES / "dependencies_testing.py")
    with Program([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]) as run:
        lines = run.rest()
        assert run.status() == 0, "\n".join(lines)
    assert lines[-1].startswith("2 passed")
