import httpx
from httpx_sse import connect_sse

OPERATOR = {"Authorization": "Bearer operator-token"}


def test_an_operator_sees_and_stops_a_stream(client: httpx.Client) -> None:
    assert client.get("/operators/streams", headers=OPERATOR).json() == []
    with connect_sse(client, "GET", "/prices") as source:
        events = source.iter_sse()
        assert next(events).json() == {"number": 1}
        [stream] = client.get("/operators/streams", headers=OPERATOR).json()
        assert (stream["endpoint"], stream["method"], stream["path"]) == ("PricesEndpoint", "GET", "/prices")
        assert client.delete(f"/operators/streams/{stream['id']}", headers=OPERATOR).status_code == 204
        assert not [event for event in events if event.json()["number"] > 100]  # ends, and properly
    assert client.delete(f"/operators/streams/{stream['id']}", headers=OPERATOR).status_code == 404


def test_nobody_else_sees_the_streams(client: httpx.Client) -> None:
    assert client.get("/operators/streams").status_code == 401
