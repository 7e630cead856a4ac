from collections.abc import Iterator
from urllib.parse import urljoin

import httpx


def pages(client: httpx.Client, url: str) -> Iterator[list[str]]:
    """Follows the links to the next page."""
    for _ in range(10):
        response = client.get(url)
        assert response.status_code == 200
        yield [book["title"] for book in response.json()]
        if "next" not in response.links:
            assert "link" not in response.headers
            return
        url = urljoin(str(response.url), response.links["next"]["url"])
    raise AssertionError("the links have no end")


def test_the_links_lead_through_the_whole_list(client: httpx.Client) -> None:
    everything = ["Emma", "Middlemarch", "Persuasion", "Sanditon & more", "Villette"]
    for limit in range(1, 7):
        found = list(pages(client, f"/books?limit={limit}"))
        assert [title for page in found for title in page] == everything
        assert all(len(page) == limit for page in found[:-1])
        assert 0 < len(found[-1]) <= limit


def test_a_link_keeps_the_filters(client: httpx.Client) -> None:
    assert list(pages(client, "/books?limit=3&word=a")) == [
        ["Emma", "Middlemarch", "Persuasion"],
        ["Sanditon & more"],
    ]


def test_a_new_book_shifts_no_page(client: httpx.Client) -> None:
    found = pages(client, "/books?limit=2")
    assert next(found) == ["Emma", "Middlemarch"]
    client.post("/books", json={"title": "Agnes Grey"})
    assert next(found) == ["Persuasion", "Sanditon & more"]


def test_a_page_is_bounded(client: httpx.Client) -> None:
    for limit in ("0", "101", "-1", "all"):
        assert client.get("/books", params={"limit": limit}).status_code == 400
