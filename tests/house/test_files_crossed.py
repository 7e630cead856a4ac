"""A maintainer reads every file that a stream or an event crosses, so the number of files is bounded."""

from tools.files_crossed import Crossing, cross_event, cross_stream

# Lower a bound when files are merged; never raise a bound.
BOUND_STREAM = 16
BOUND_EVENT = 8


def assert_bounded(crossing: Crossing, bound: int, subject: str) -> None:
    files = crossing.files
    listed = "\n  ".join(files)
    assert len(files) <= bound, (
        f"{subject} crosses {len(files)} files of jero, at most {bound}. "
        f"Merge files that tell one behaviour. In the order of the first visits:\n  {listed}"
    )


def test_a_ready_stream_crosses_few_files() -> None:
    assert_bounded(cross_stream(), BOUND_STREAM, "a ready NDJSON stream")


def test_a_published_event_crosses_few_files() -> None:
    assert_bounded(cross_event(), BOUND_EVENT, "a published event")


def test_a_crossing_counts_files_and_returns() -> None:
    crossing = Crossing(visits=["app.py", "route.py", "app.py", "stream.py", "route.py"])
    assert crossing.files == ["app.py", "route.py", "stream.py"]
    assert crossing.returns == 2


def test_a_stream_begins_in_the_application_and_an_event_in_its_channel() -> None:
    assert cross_stream().files[0] == "app.py"
    assert cross_event().files[0] == "channels/channel.py"
