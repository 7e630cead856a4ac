import hashlib
from collections.abc import Iterator

import httpx

NDJSON = {"Content-Type": "application/x-ndjson"}


def orders() -> Iterator[bytes]:
    for number in range(1, 1_001):
        yield b'{"sku":"tea","count":%d}\n' % number


def test_each_line_has_its_answer(client: httpx.Client) -> None:
    lines = client.post("/orders", content=b"".join(orders()), headers=NDJSON).text.splitlines()
    assert len(lines) == 1_000
    assert lines[-1] == '{"sku":"tea","cents":300000}'


def test_a_total_is_computed_from_the_lines(client: httpx.Client) -> None:
    total = client.put("/orders", content=orders(), headers=NDJSON).json()
    assert total == {"orders": 1_000, "cents": 300 * 1_000 * 1_001 // 2}


def test_a_line_that_is_too_long_is_refused(client: httpx.Client) -> None:
    response = client.put("/orders", content=b'{"sku":"' + b"a" * 10_000, headers=NDJSON)
    assert (response.status_code, response.json()["detail"]) == (413, "Line 1 is longer than 10000 bytes.")


def test_bytes_are_read_as_they_arrive(client: httpx.Client) -> None:
    content = b"a" * 3_000_000
    checksum = client.post("/files", content=content).json()
    assert checksum == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
