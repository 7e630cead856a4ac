import httpx

from tests.docs.example import served


def test_the_host_runs_the_life() -> None:
    with served("hosts") as example:
        response = httpx.get(f"{example.url}/streams/words", trust_env=False)
        assert response.text == '{"word":"in"}\n{"word":"Starlette"}\n'
        assert "database closed" in example.stop()
