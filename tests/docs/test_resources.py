from tests.docs.example import served
from tests.programs import needs_program


@needs_program("curl")
def test_a_resource_is_opened_before_and_closed_after_all_streams() -> None:
    with served("resources") as example:
        with example.curl("/movies") as curl:
            assert curl.rest() == ['{"title":"Metropolis"}', '{"title":"Sunrise"}']
        assert example.line_with("GET MoviesEndpoint") == "GET MoviesEndpoint: completed, 2 items, 43 bytes"
        assert "database closed" in example.stop()
