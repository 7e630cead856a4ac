import io

import httpx
import msgspec


def test_each_item_follows_its_length(client: httpx.Client) -> None:
    response = client.get("/samples")
    assert response.headers["content-type"] == "application/vnd.msgpack"
    body = io.BytesIO(response.content)
    samples: list[dict[str, float]] = []
    while length := body.read(4):
        samples.append(msgspec.msgpack.decode(body.read(int.from_bytes(length, "big")), type=dict[str, float]))
    assert samples == [{"number": number, "volts": number * 1.5} for number in range(3)]
