import httpx
import pytest

KEY = {"Authorization": "Bearer sk-right"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/v1/models", {}, 401, "unauthorized"),
        ("GET", "/v1/nothing", {}, 404, "not-found"),
        ("PUT", "/v1/models", KEY, 405, "method-not-allowed"),
        ("POST", "/v1/completions", KEY, 415, "unsupported-media-type"),
    ],
)
def test_every_refusal_below_the_prefix_is_an_error_of_openai(
    client: httpx.Client, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = client.request(method, path, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert ("www-authenticate" in response.headers, "allow" in response.headers) == (status == 401, status == 405)


def test_the_groups_serve_their_endpoints(client: httpx.Client) -> None:
    assert client.get("/v1/health").text == "well"
    assert client.get("/v1/models", headers=KEY).json() == [{"id": "echo"}]
    events = client.post("/v1/completions", headers=KEY, json={"prompt": "a b"}).text
    assert events == 'data: {"text":"a"}\n\ndata: {"text":"b"}\n\n'
    assert client.get("/tenants/acme/models/echo").text == "echo of acme"
    assert client.get("/tenants/acme/models").headers["content-type"] == "application/problem+json"


def test_the_document_shows_what_the_groups_share(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    models = paths["/v1/models"]["get"]
    assert (models["tags"], models["security"]) == (["openai"], [{"Keys": []}])
    schema = models["responses"]["401"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/OpenAIError"}
    assert "security" not in paths["/v1/health"]["get"]
    assert list(paths["/tenants/{tenant}/models/{model}"]["get"]["responses"]["404"]["content"]) == [
        "application/problem+json"
    ]
