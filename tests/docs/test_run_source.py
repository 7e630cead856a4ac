import httpx

from tests.docs.example import Example


def start(client: httpx.Client, since: int) -> str:
    run: str = client.post("/reports", json={"since": since}).json()["id"]
    return f"/reports/{run}"


def test_a_run_that_completes_commits(example: Example, client: httpx.Client) -> None:
    assert len(client.get(start(client, 2000)).text.splitlines()) == 3
    assert example.line_with("committed") == "committed"


def test_a_run_that_fails_rolls_back_and_its_followers_are_told(example: Example, client: httpx.Client) -> None:
    none, some = client.get(start(client, 2013)), start(client, 2012)
    assert (none.status_code, none.json()["detail"]) == (503, "The database is away.")
    assert example.line_with("rolled back").endswith("The database is away.")
    end = client.get(some, headers={"Accept": "text/event-stream"}).text.split("\n\n")[-2]
    assert "event: end" in end
    assert '"outcome":"failed","problem":{"type":"service-unavailable"' in end
