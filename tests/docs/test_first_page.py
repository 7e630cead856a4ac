import re

import httpx
from httpx_sse import connect_sse


def test_the_page_reads_the_events(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    url = re.search(r'new EventSource\("(.+?)"\)', page.text)
    assert url is not None
    with connect_sse(client, "GET", url[1]) as source:
        events = source.iter_sse()
        assert [next(events).json(), next(events).json()] == [{"title": "Metropolis"}, {"title": "Sunrise"}]
