import sys

from tests.docs.example import EXAMPLES
from tests.docs.program import Program


def test_the_tests_of_the_example_pass() -> None:
    options = ["-q", "-n0", "-p", "no:cacheprovider"]
    with Program([sys.executable, "-m", "pytest", *options, str(EXAMPLES / "testing_gateway.py")]) as run:
        lines = run.rest()
        assert run.status() == 0, "\n".join(lines)
    assert lines[-1].startswith("4 passed")
