import httpx

from tests.docs.example import Example

ACME = {"Authorization": "Bearer token-of-acme"}


def test_each_place_gets_the_request(client: httpx.Client, example: Example) -> None:
    shown = client.get("/shops/acme/items/pen", headers=ACME).text
    assert shown == "a customer of acme asks GET /shops/acme/items/pen"
    assert client.get("/shops/other/items/pen", headers=ACME).status_code == 401
    refused = client.delete("/shops/acme/items/pen", headers=ACME)
    assert (refused.status_code, refused.json()["detail"]) == (409, "/shops/acme/items/pen is sold out.")
    assert example.line_with("in vain") == "127.0.0.1 asked in vain for pen"
