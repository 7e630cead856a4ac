"""One URL, read by several programs: as lines by jq, polars and DuckDB, as an array by json.load."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import duckdb
import httpx
import polars as pl
import pytest
from msgspec import Struct

from jero import BaseApp, Endpoint
from tests.programs import needs_program
from tests.servers.running import Running, running
from tests.servers.servers import UVICORN

ROWS = 1_000


class Place(Struct):
    lat: float
    lon: float | None


class Reading(Struct):
    number: int
    name: str
    place: Place


class ReadingsEndpoint(Endpoint, path="/readings"):
    async def get(self) -> AsyncIterator[Reading]:
        for number in range(ROWS):
            yield Reading(number, f'line\nbreak "{number}" \u2028', Place(number / 2, None if number % 2 else 0.5))


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(ReadingsEndpoint())


app = App()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(UVICORN, f"{__name__}:app") as server:
        yield server


@pytest.fixture(scope="module")
def url(server: Running) -> str:
    return f"{server.url}/readings"


def expected(number: int) -> dict[str, object]:
    place = {"lat": number / 2, "lon": None if number % 2 else 0.5}
    return {"number": number, "name": f'line\nbreak "{number}" \u2028', "place": place}


@pytest.fixture
def downloaded(url: str, tmp_path: Path) -> Path:
    """Downloads the response to a client that accepts everything. Returns the file."""
    file = tmp_path / "readings.ndjson"
    file.write_bytes(httpx.get(url, headers={"Accept": "*/*"}, trust_env=False).content)
    return file


@needs_program("curl", "jq")
def test_jq_reads_lines(url: str) -> None:
    with subprocess.Popen(["curl", "-sS", "-N", "--noproxy", "*", "--max-time", "20", url], stdout=-1) as curl:
        program = ["jq", "--compact-output", "--arg", "least", "500", "select(.number >= ($least | tonumber)) | .place"]
        printed = subprocess.run(program, stdin=curl.stdout, capture_output=True, check=True).stdout
    assert [json.loads(line) for line in printed.splitlines()] == [expected(n)["place"] for n in range(500, ROWS)]
    assert curl.returncode == 0


def test_polars_reads_lines(downloaded: Path) -> None:
    frame = pl.read_ndjson(downloaded)
    assert frame.schema["number"] == pl.Int64
    assert frame.to_dicts() == [expected(number) for number in range(ROWS)]


def test_duckdb_reads_lines(downloaded: Path) -> None:
    with duckdb.connect() as connection:
        [count, total] = connection.execute(
            "SELECT count(*), sum(place.lat) FROM read_ndjson(?) WHERE name LIKE 'line\n%'", [str(downloaded)]
        ).fetchall()[0]
    assert (count, total) == (ROWS, sum(number / 2 for number in range(ROWS)))


def test_json_reads_an_array(url: str, tmp_path: Path) -> None:
    file = tmp_path / "readings.json"
    file.write_bytes(httpx.get(url, headers={"Accept": "application/json"}, trust_env=False).content)
    with file.open("rb") as text:
        assert json.load(text) == [expected(number) for number in range(ROWS)]


@needs_program("curl")
@pytest.mark.parametrize(
    ("accept", "media_type", "begins"),
    [
        ("*/*", "application/x-ndjson", b'{"number":0,'),
        ("application/jsonl", "application/jsonl", b'{"number":0,'),
        ("text/event-stream", "text/event-stream", b'data: {"number":0,'),
        ("application/json", "application/json", b'[{"number":0,'),
    ],
)
def test_curl_receives_the_format_that_it_accepts(url: str, accept: str, media_type: str, begins: bytes) -> None:
    command = ["curl", "-sS", "-i", "--noproxy", "*", "--max-time", "20", "-H", f"Accept: {accept}", url]
    head, body = subprocess.run(command, capture_output=True, check=True).stdout.split(b"\r\n\r\n", 1)
    assert f"content-type: {media_type}".encode() in head
    assert body.startswith(begins)
