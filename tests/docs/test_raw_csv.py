import csv
from pathlib import Path

import httpx

from tests.docs.example import Example
from tests.programs import needs_program

RECORDS = [["title", "year"], ["Metropolis", "1927"], ['The "Blue" Angel', "1930"]]


@needs_program("curl")
def test_curl_saves_the_file_under_its_name(example: Example, tmp_path: Path) -> None:
    options = ("--remote-name", "--remote-header-name", "--output-dir", str(tmp_path))
    with example.curl("/movies.csv", *options) as curl:
        assert curl.rest() == []
        assert curl.status() == 0
    with (tmp_path / "movies.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == RECORDS


def test_httpx_receives_the_bytes_unchanged(client: httpx.Client) -> None:
    response = client.get("/movies.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.content == b'title,year\r\nMetropolis,1927\r\n"The ""Blue"" Angel",1930\r\n'
