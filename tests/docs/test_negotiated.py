import httpx
import pytest

NAMES = ["Aurora", "Borealis", "Caravel"]


@pytest.mark.parametrize("path", ["/ships", "/arrivals"])
def test_each_client_gets_its_format(client: httpx.Client, path: str) -> None:
    lines = client.get(path).text.splitlines()
    events = client.get(path, headers={"Accept": "text/event-stream"}).text.split("\n\n")
    array = client.get(path, headers={"Accept": "application/json"}).json()
    assert [ship["name"] for ship in array] == NAMES
    assert ["data: " + line for line in lines] == events[:-1]
    assert len(lines) == len(NAMES)


def test_a_format_that_is_not_offered_is_refused(client: httpx.Client) -> None:
    response = client.get("/ships", headers={"Accept": "text/csv"})
    assert (response.status_code, response.json()["type"]) == (406, "not-acceptable")


def test_no_content_is_204(client: httpx.Client) -> None:
    assert client.get("/arrivals?limit=0").status_code == 204
