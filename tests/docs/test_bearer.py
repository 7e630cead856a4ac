import httpx
import pytest

PROBLEM = {"type": "unauthorized", "title": "Unauthorized", "status": 401}


@pytest.mark.parametrize("name", ["ada", "alan"])
def test_a_token_names_its_reader(client: httpx.Client, name: str) -> None:
    response = client.get("/loans", headers={"Authorization": f"Bearer {name}-token"})
    assert response.json() == [{"reader": name, "title": "Moby-Dick"}]


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, 'Bearer realm="library"'),
        ({"Authorization": "Basic YWRhOmFkYS10b2tlbg=="}, 'Bearer realm="library"'),
        ({"Authorization": "Bearer guessed"}, 'Bearer realm="library", error="invalid_token"'),
        ({"Authorization": "Bearer two words"}, 'Bearer realm="library", error="invalid_token"'),
        ({"Authorization": "Bearer " + "x" * 9_000}, 'Bearer realm="library", error="invalid_token"'),
    ],
)
def test_refused_credentials_get_the_challenge_of_the_table(
    client: httpx.Client, headers: dict[str, str], challenge: str
) -> None:
    response = client.get("/loans", headers=headers)
    assert (response.status_code, response.json()) == (401, PROBLEM)
    assert response.headers["www-authenticate"] == challenge
