import httpx

from tests.docs.example import served


def test_a_mounted_application_answers_below_its_path_and_shuts_down_with_the_host() -> None:
    with served("guests") as example:
        with httpx.Client(base_url=example.url, trust_env=False) as client:
            assert client.get("/legacy/orders/7").json() == {"order": 7}
            assert client.get("/legacy/openapi.json").json()["servers"] == [{"url": "/legacy"}]
            assert client.get("/books").json() == [{"title": "Emma"}]
            assert client.get("/orders/7").status_code == 404
        assert "the guest ends" in example.stop()
