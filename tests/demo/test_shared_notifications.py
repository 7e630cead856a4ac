"""Tests the notifications of several processes on one Redis."""

import re
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from time import monotonic

import httpx
import pytest
from httpx_sse import ServerSentEvent, connect_sse

from tests.channels.redis_server import RedisServer
from tests.demo.running import demo_process
from tests.docs.program import PATIENCE

WORKERS = ("uvicorn", "demo_app.app:app", "--workers", "2")
PROCESS = re.compile(r"Process (\d+) ")


def post(url: str, text: str) -> str:
    answer = httpx.post(f"{url}/notifications", json={"text": text}, timeout=PATIENCE, trust_env=False)
    assert answer.status_code == 201
    event_id: str = answer.json()["id"]
    return event_id


@contextmanager
def following(url: str, after: str = "") -> Generator[Iterator[ServerSentEvent], None, None]:
    headers = {"Last-Event-ID": after}
    transport = httpx.HTTPTransport(retries=3)  # a server listens only a moment after it has started
    with (
        httpx.Client(base_url=url, timeout=PATIENCE, transport=transport) as client,
        connect_sse(client, "GET", "/notifications", headers=headers) as source,
    ):
        yield in_time(source.iter_sse())


def in_time(events: Iterator[ServerSentEvent]) -> Iterator[ServerSentEvent]:
    """Yields the events, and fails after `PATIENCE` seconds: heartbeats would go on without end."""
    deadline = monotonic() + PATIENCE
    for event in events:
        assert monotonic() < deadline, "the event has not arrived"
        yield event


def ids_until(last: str, events: Iterator[ServerSentEvent], name: str = "message") -> list[str]:
    """Returns the ids of all events of that name, up to the id `last`."""
    before = takewhile(lambda event: event.id != last, events)
    return [*(event.id for event in before if event.event == name), last]


def processes(events: Iterator[ServerSentEvent], count: int) -> set[str]:
    """Returns the processes of the heartbeats, as soon as there are `count`."""
    found: set[str] = set()
    for event in events:
        found |= set(PROCESS.findall(event.json()["text"]))
        if len(found) == count:
            break
    return found


def test_subscribers_of_all_processes_receive_a_notification(redis: RedisServer) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(demo_process(redis.url))[1] for _ in range(2)]
        listening = [stack.enter_context(following(url)) for url in urls * 3]
        posted = [post(url, "news") for url in urls * 2]
        assert [ids_until(posted[-1], events) for events in listening] == [posted] * 6


def test_the_workers_of_one_server_share_the_notifications(redis: RedisServer) -> None:
    with demo_process(redis.url, command=WORKERS) as (program, url), ExitStack() as stack:
        stack.callback(program.status)
        stack.callback(program.terminate)  # workers outlive a parent that is killed
        for _ in range(2 * 2):  # two workers, each with the offline model's server
            program.line_with("Application startup complete")
        listening = [stack.enter_context(following(url)) for _ in range(4)]
        assert len({frozenset(processes(events, 2)) for events in listening}) == 1
        posted = [post(url, "news") for _ in range(4)]
        assert [ids_until(posted[-1], events) for events in listening] == [posted] * 4


@pytest.mark.parametrize("how", ["terminated", "killed"])
def test_a_client_resumes_after_a_restart_without_a_missed_or_doubled_event(redis: RedisServer, how: str) -> None:
    with demo_process(redis.url) as (_, other):
        with ExitStack() as life:
            program, url = life.enter_context(demo_process(redis.url))
            with following(url) as events:
                posted = [post(url, "before") for _ in range(3)]
                received = ids_until(posted[1], events)
                if how == "terminated":
                    program.terminate()
                    program.status()
                life.close()
        posted += [post(other, "while it is away") for _ in range(3)]
        with demo_process(redis.url) as (_, url), following(url, after=received[-1]) as events:
            posted += [post(url, "after")]
            received += ids_until(posted[-1], events)
    assert received == posted


def test_a_demo_without_its_redis_does_not_start(redis: RedisServer) -> None:
    redis.kill()
    with pytest.raises(EOFError), demo_process(redis.url):
        raise AssertionError("the demo has started")


def test_a_post_is_refused_while_redis_is_away(redis: RedisServer) -> None:
    with demo_process(redis.url) as (_, url):
        post(url, "before")
        redis.kill()
        answer = httpx.post(f"{url}/notifications", json={"text": "lost"}, timeout=PATIENCE, trust_env=False)
        assert (answer.status_code, answer.json()["type"]) == (503, "channel-unavailable")
        redis.start()
        post(url, "after")
