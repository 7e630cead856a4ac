import sys

from tests.docs.example import EXAMPLES, served
from tests.docs.program import ROOT, Program

PAGE = (ROOT / "docs" / "client.md").read_text("utf-8")


def test_the_words_of_the_service_arrive_and_a_refusal_and_a_cut_are_shown() -> None:
    command = [sys.executable, str(EXAMPLES / "client_events.py")]
    with served("chat_service") as server, Program([*command, server.url]) as run:
        lines = run.rest()
        assert run.status() == 0, "\n".join(lines)
    assert "refused: 429 - ask again in 20.0 seconds" in lines
    assert "\n".join(["$ python client_events.py", *lines, "```"]) in PAGE
