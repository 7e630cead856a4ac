import httpx
import pytest

ADA = {"Authorization": "Bearer ada-token"}


@pytest.mark.parametrize("tenant", ["acme", "initech"])
def test_a_member_of_the_tenant_is_admitted(client: httpx.Client, tenant: str) -> None:
    assert client.get(f"/{tenant}/orders", headers=ADA).text == f"ada sees the orders of {tenant}"


def test_a_foreign_tenant_is_not_found(client: httpx.Client) -> None:
    for tenant in ("other", "acme%2Forders", "ACME", "acme%00"):
        assert client.get(f"/{tenant}/orders", headers=ADA).status_code == 404


def test_without_a_valid_token_no_tenant_can_be_found_out(client: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": "Basic ada-token"}):
        answers = [client.get(f"/{tenant}/orders", headers=headers) for tenant in ("acme", "other")]
        assert [answer.status_code for answer in answers] == [401, 401]
        assert answers[0].content == answers[1].content
        assert answers[0].headers["www-authenticate"] == answers[1].headers["www-authenticate"]
        assert answers[0].headers["www-authenticate"].startswith('Bearer realm="api"')
