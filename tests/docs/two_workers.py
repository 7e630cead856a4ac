"""Serves an example by two processes that share one store, and checks that the clients of both receive the same."""

import httpx
from httpx_sse import connect_sse

from tests.docs.example import served
from tests.docs.program import PATIENCE


def check_shared(name: str, client: httpx.Client) -> None:
    """Posts notifications to both processes of an example, to one of which `client` is connected."""
    with (
        served(name) as other,
        httpx.Client(base_url=other.url, timeout=PATIENCE, trust_env=False) as theirs,
        connect_sse(client, "GET", "/notifications") as here,
        connect_sse(theirs, "GET", "/notifications") as there,
    ):
        posting = [client, theirs, client]
        ids = [poster.post("/notifications", json={"text": "news"}).json()["id"] for poster in posting]
        for source in (here, there):
            events = source.iter_sse()
            assert [next(events).id for _ in ids] == ids
