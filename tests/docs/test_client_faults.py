import sys

from tests.docs.example import EXAMPLES, served
from tests.docs.program import ROOT, Program

PAGE = (ROOT / "docs" / "client.md").read_text("utf-8")


def test_each_fault_raises_its_error() -> None:
    command = [sys.executable, str(EXAMPLES / "client_faults.py")]
    with served("broken_streams") as server, Program([*command, server.url]) as run:
        lines = run.rest()
        assert run.status() == 0, "\n".join(lines)
    assert lines[0] == "refused: Not found"
    assert lines[-1] == "failed: The kiln's sensor melted."
    assert "\n".join(["$ python client_faults.py", *lines, "```"]) in PAGE
