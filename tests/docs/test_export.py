import httpx
import msgspec

from jero.client import StreamClient
from tests.docs.example import Example


class Order(msgspec.Struct, tag="order"):
    number: int
    cents: int


class End(msgspec.Struct, tag="end"):
    orders: int


def test_the_export_is_whole_and_says_so(client: httpx.Client) -> None:
    response = client.get("/orders")
    assert response.headers["content-disposition"] == 'attachment; filename="orders.ndjson"'
    *orders, end = msgspec.json.Decoder(Order | End).decode_lines(response.content)
    assert [order.number for order in orders if isinstance(order, Order)] == [*range(1, 100_001)]
    assert end == End(100_000)


async def test_an_export_that_broke_off_goes_on_after_its_last_row(example: Example) -> None:
    async with StreamClient(example.url) as streams:
        orders = streams.ndjson("/orders", Order | End)
        last = [await anext(orders) for _ in range(5_000)][-1]
        await orders.aclose()
        assert isinstance(last, Order)
        rest = [item async for item in streams.ndjson("/orders", Order | End, params={"after": last.number})]
    assert rest[0] == Order(last.number + 1, (last.number + 1) % 997)
    assert rest[-1] == End(100_000 - last.number)
