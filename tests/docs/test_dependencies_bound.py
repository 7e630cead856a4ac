import httpx

ACME = {"Authorization": "Bearer token-of-acme"}


def test_a_dependency_gets_parts_of_the_request_and_other_dependencies(client: httpx.Client) -> None:
    found = client.get("/tenants/acme/books/7", headers={**ACME, "X-Trace": "42"})
    assert found.text == "acme's book 7 (trace 42) on primary"
    assert client.get("/tenants/other/books/7", headers=ACME).status_code == 403
    assert client.get("/tenants/acme/books/7").status_code == 401
    assert client.get("/count").json() == ["count on primary", "count on replica for GET"]
