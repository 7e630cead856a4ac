import httpx

from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_available_tickets_are_streamed(example: Example) -> None:
    with example.curl("/shows/matinee/tickets") as curl:
        assert curl.rest() == ['{"show":"matinee","seat":3}', '{"show":"matinee","seat":7}']
        assert curl.status() == 0


def test_a_stream_that_fails_before_its_first_byte_has_its_true_status(client: httpx.Client) -> None:
    response = client.get("/shows/premiere/tickets")
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "86400"
    assert response.json() == {"type": "sold-out", "title": "Sold out", "status": 409, "detail": "Come back tomorrow."}


def test_a_handler_refuses_with_a_problem(client: httpx.Client) -> None:
    response = client.get("/shows/opera/tickets")
    assert (response.status_code, response.json()["type"]) == (404, "not-found")
    assert response.json()["detail"] == "No show is named 'opera'."


@needs_program("curl")
def test_an_unexpected_exception_is_a_500_without_details(example: Example) -> None:
    with example.curl("/broken") as curl:
        assert curl.rest() == ['{"type":"internal-server-error","title":"Internal server error","status":500}']
    example.line_with("RuntimeError: the password is swordfish")  # in the server's log
