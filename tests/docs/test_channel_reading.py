import httpx
from httpx_sse import connect_sse


def test_each_subscriber_receives_the_goals_of_its_team(client: httpx.Client) -> None:
    with (
        connect_sse(client, "GET", "/goals/north") as north,
        connect_sse(client, "GET", "/goals/south") as south,
    ):
        for minute, team in enumerate(["north", "south", "north"]):
            assert client.post("/score", json={"team": team, "minute": minute}).status_code == 204
        events = north.iter_sse()
        assert [next(events).json()["minute"] for _ in range(2)] == [0, 2]
        assert next(south.iter_sse()).json() == {"team": "south", "minute": 1}
