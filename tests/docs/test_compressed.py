import gzip
import zlib

import httpx
import pytest

READINGS = b"".join(b'{"sensor":"roof","celsius":%d}\n' % number for number in range(1_000))
NDJSON = {"Content-Type": "application/x-ndjson"}


def encoded(coding: str) -> bytes:
    return gzip.compress(READINGS) if coding == "gzip" else zlib.compress(READINGS)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_body_is_decoded(client: httpx.Client, coding: str) -> None:
    response = client.post("/readings", content=encoded(coding), headers={**NDJSON, "Content-Encoding": coding})
    assert response.json() == {"readings": 1_000, "highest": 999.0}


@pytest.mark.parametrize(
    ("coding", "body", "status"), [("br", READINGS, 415), ("gzip", READINGS, 400), ("gzip", encoded("gzip")[:-1], 400)]
)
def test_what_cannot_be_decoded_is_refused(client: httpx.Client, coding: str, body: bytes, status: int) -> None:
    response = client.post("/readings", content=body, headers={**NDJSON, "Content-Encoding": coding})
    assert response.status_code == status
    assert response.headers.get("accept-encoding") == (None if status == 400 else "gzip, deflate")


def test_the_limit_applies_to_what_is_decoded(client: httpx.Client) -> None:
    compressor = zlib.compressobj(wbits=31)
    lines = b'{"sensor":"roof","celsius":1}\n' * 50_000
    body = b"".join(compressor.compress(lines) for _ in range(70)) + compressor.flush()
    assert len(body) < 1_000_000
    response = client.post("/readings", content=body, headers={**NDJSON, "Content-Encoding": "gzip"})
    assert response.status_code == 413
