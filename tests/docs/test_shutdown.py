import signal
from contextlib import ExitStack
from time import monotonic

from tests.docs.example import served
from tests.docs.program import ROOT, Program
from tests.programs import needs_program

CURL_CUT = 18
DRAIN_TIMEOUT = 3


def first_data(curl: Program) -> str:
    return curl.line_with("number")


@needs_program("curl")
def test_sigterm_ends_the_streams_and_then_the_process() -> None:
    with served("shutdown") as example, ExitStack() as stack:
        clock, countdown, forever = (
            stack.enter_context(example.curl(path)) for path in ("/clock", "/countdown", "/forever")
        )
        for curl in (clock, countdown, forever):
            first_data(curl)
        example.program.terminate()
        stopped_at = monotonic()

        final_lines = [line for line in clock.rest() if line and not line.startswith("data")]
        assert clock.status() == 0
        assert monotonic() - stopped_at < DRAIN_TIMEOUT / 2
        assert countdown.rest()[-1] == '{"number":0}'
        assert countdown.status() == 0
        assert forever.rest()[-1].startswith("curl: (18)")
        assert forever.status() == CURL_CUT

        lines = [line for line in example.program.rest() if "Endpoint" in line or "database" in line]
        assert example.program.status() == -signal.SIGTERM  # uvicorn ends by the signal that it received
        assert monotonic() - stopped_at < DRAIN_TIMEOUT + 1

    (retry,) = final_lines
    assert 1_000 <= int(retry.removeprefix("retry: ")) <= 5_000
    page = (ROOT / "docs" / "streams.md").read_text("utf-8")
    assert "\n".join(["```text", *lines, "```"]) in page


@needs_program("curl")
def test_the_process_ends_at_once_if_only_event_streams_are_open() -> None:
    with served("shutdown") as example, example.curl("/clock") as clock:
        first_data(clock)
        stopped_at = monotonic()
        assert "database closed" in example.stop()
        assert monotonic() - stopped_at < DRAIN_TIMEOUT / 2
        assert clock.rest()[-2].startswith("retry: ")
