import re

import httpx
import pytest

from tests.docs.example import EXAMPLES, Example, running

MADE = re.compile("[0-9a-f]{32}")


def cut_stream(client: httpx.Client, sent: str) -> str:
    """Reads a stream until it breaks off. Returns the id that the server sent back."""
    with client.stream("GET", "/prices", headers=[(b"X-Request-ID", sent.encode("latin-1"))]) as response:
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
        return response.headers["x-request-id"]


def test_each_line_of_a_request_and_its_stream_has_its_id(example: Example, client: httpx.Client) -> None:
    given = "client-4711"
    assert cut_stream(client, given) == given
    for text in (
        "shop: prices are asked for",
        "shop: the second price is missing",
        "jero.streams: GET PricesEndpoint: the stream failed",
    ):
        assert example.line_with(text).startswith(f"[{given}] {text}")
    assert example.line_with("jero.streams").startswith(f"[{given}] jero.streams: GET PricesEndpoint: failed")


def test_no_line_has_the_text_of_a_client_that_is_not_an_id(example: Example, client: httpx.Client) -> None:
    made = {
        cut_stream(client, sent)
        for sent in (
            "",
            "short",
            "forged] shop: paid",
            "a" * 65,
            "%0aforged",
            "forged\t\tid",
            "f\u00f6rgedforged",
        )
    }
    assert len(made) == 7
    assert all(map(MADE.fullmatch, made))
    ended = set[str]()
    while not made <= ended:
        line = example.program.line()
        assert "forged" not in line
        if "jero.streams: GET PricesEndpoint: failed" in line:
            ended.add(line[1:33])


def test_a_problem_has_an_id_too(client: httpx.Client) -> None:
    response = client.get("/nothing", headers={"X-Request-ID": "client-4711"})
    assert (response.status_code, response.headers["x-request-id"]) == (404, "client-4711")


def test_the_lines_of_uvicorn_have_the_id_too() -> None:
    with running("recipe_request_ids", ("--log-config", str(EXAMPLES / "recipe_request_ids.json"))) as program:
        url = program.line_with("Uvicorn running on ").split()[5]
        with httpx.Client(base_url=url, trust_env=False) as client:
            cut_stream(client, "client-4711")
        assert program.line_with('"GET /prices HTTP/1.1" 200').startswith("[client-4711] uvicorn.access: ")
        assert program.line_with("jero.streams: GET PricesEndpoint: failed").startswith("[client-4711] ")
