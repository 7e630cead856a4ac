from itertools import islice

import httpx
import msgspec
from ndjson import Reading, app

from jero.testing import TestClient
from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_curl_prints_readings_while_the_endless_source_runs(example: Example) -> None:
    with example.curl("/readings") as curl:
        readings = [msgspec.json.decode(curl.line(), type=Reading) for _ in range(3)]
    assert [reading.number for reading in readings] == [1, 2, 3]


@needs_program("curl")
def test_a_limited_stream_is_a_complete_transfer(example: Example) -> None:
    with example.curl("/readings?limit=2") as curl:
        assert curl.rest() == ['{"number":1,"celsius":20.1}', '{"number":2,"celsius":20.2}']
        assert curl.status() == 0


def test_each_reading_arrives_in_its_own_chunk(client: httpx.Client) -> None:
    with client.stream("GET", "/readings") as response:
        chunks = list(islice(response.iter_raw(), 3))
    assert [msgspec.json.decode(chunk, type=Reading).number for chunk in chunks] == [1, 2, 3]


def test_the_client_may_choose_the_other_name_of_the_format(client: httpx.Client) -> None:
    response = client.get("/readings?limit=1", headers={"Accept": "application/jsonl"})
    assert response.headers["content-type"] == "application/jsonl"


def test_a_limit_that_is_not_a_number_is_refused_before_the_stream(client: httpx.Client) -> None:
    response = client.get("/readings?limit=few")
    assert response.status_code == 400
    assert response.json()["errors"][0]["loc"] == ["params", "limit"]


def test_the_test_client_reads_an_endless_stream_too() -> None:
    with TestClient(app) as client:
        first_two = list(islice(client.ndjson("/readings", Reading), 2))
    assert [reading.number for reading in first_two] == [1, 2]
