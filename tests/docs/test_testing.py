import sys

from tests.docs.example import EXAMPLES, served
from tests.docs.program import Program
from tests.programs import needs_program


def test_the_tests_of_the_example_pass() -> None:
    with Program([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / "testing.py")]) as run:
        lines = run.rest()
        assert run.status() == 0, "\n".join(lines)
    assert lines[-1].startswith("5 passed")


@needs_program("curl")
def test_the_example_is_also_an_application() -> None:
    with served("testing") as example:
        with example.curl("/count") as curl:
            assert [curl.line(), curl.line()] == ['data: {"number":1}', ""]
        with example.curl("/fail") as curl:
            assert curl.line() == '{"number":1}'
            assert curl.rest()[-1].startswith("curl: (18)")
            assert curl.status() == 18
