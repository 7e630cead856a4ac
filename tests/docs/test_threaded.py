from itertools import islice

import httpx

from tests.docs.example import Example
from tests.programs import needs_program


@needs_program("curl")
def test_rows_are_read_and_the_connection_is_closed_in_its_thread(example: Example) -> None:
    with example.curl("/readings?limit=2") as curl:
        assert curl.rest() == ['{"number":1,"celsius":20.1}', '{"number":2,"celsius":20.2}']
        assert curl.status() == 0
    example.line_with("connection closed")
    assert example.line_with("ReadingsEndpoint") == "ReadingsEndpoint: completed"


@needs_program("curl")
def test_the_connection_is_closed_when_the_client_leaves(example: Example) -> None:
    with example.curl("/readings") as curl:
        assert curl.line() == '{"number":1,"celsius":20.1}'
    example.line_with("connection closed")
    assert example.line_with("ReadingsEndpoint") == "ReadingsEndpoint: disconnected"


def test_each_stream_has_a_thread_of_its_own(example: Example, client: httpx.Client) -> None:
    with client.stream("GET", "/readings") as response:
        rows = response.iter_lines()  # keeps the iterator: httpx closes a stream if its iterator is dropped
        with client.stream("GET", "/readings") as other:
            other_rows = other.iter_lines()
            first, second = (list(islice(some, 3)) for some in (rows, other_rows))
        assert first == second == [f'{{"number":{n},"celsius":20.{n}}}' for n in (1, 2, 3)]
        assert example.line_with("ReadingsEndpoint") == "ReadingsEndpoint: disconnected"
        assert next(rows) == '{"number":4,"celsius":20.4}'
    assert example.line_with("ReadingsEndpoint") == "ReadingsEndpoint: disconnected"
