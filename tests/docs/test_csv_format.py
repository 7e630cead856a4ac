import csv

import httpx


def test_the_csv_module_reads_the_stream(client: httpx.Client) -> None:
    response = client.get("/films.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert list(csv.DictReader(response.text.splitlines())) == [
        {"title": "Metropolis", "year": "1927"},
        {"title": 'The "Blue" Angel', "year": "1930"},
    ]
