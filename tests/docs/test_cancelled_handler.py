import httpx
import pytest

from tests.docs.example import Example


def test_a_client_that_stays_receives_the_answer(client: httpx.Client, example: Example) -> None:
    assert client.post("/reports", json={"name": "north"}).json() == {"region": "north", "orders": 12}
    example.line_with("the work for north has ended")


def test_a_client_that_leaves_ends_the_work(client: httpx.Client, example: Example) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post("/reports", json={"name": "south"}, timeout=0.2)
    example.line_with("counting the orders of south")
    example.line_with("the work for south has ended")
