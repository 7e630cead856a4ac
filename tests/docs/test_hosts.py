import httpx

from tests.docs.example import served


def test_the_host_starts_jero_up_and_shuts_it_down() -> None:
    with served("hosts") as example:
        response = httpx.get(f"{example.url}/streams/words", trust_env=False)
        assert response.text == '{"word":"in"}\n{"word":"Starlette"}\n'
        assert "database closed" in example.stop()
