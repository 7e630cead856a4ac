import httpx
import pytest

from tests.docs.program import ROOT

FILE = ROOT / "docs" / "stylesheets" / "extra.css"
PATH = f"/files/{FILE.name}"


def test_a_download_goes_on_where_it_broke_off(client: httpx.Client) -> None:
    whole = FILE.read_bytes()
    response = client.get(PATH, headers={"Range": "bytes=10-"})
    assert (response.status_code, response.content) == (206, whole[10:])
    assert response.headers["content-range"] == f"bytes 10-{len(whole) - 1}/{len(whole)}"
    assert client.get(PATH, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_a_part_of_another_version_is_not_sent(client: httpx.Client) -> None:
    response = client.get(PATH, headers={"Range": "bytes=10-", "If-Range": '"another"'})
    assert (response.status_code, response.content) == (200, FILE.read_bytes())


def test_an_unchanged_file_is_not_sent_again(client: httpx.Client) -> None:
    tag = client.get(PATH).headers["etag"]
    response = client.get(PATH, headers={"If-None-Match": tag})
    assert (response.status_code, response.content) == (304, b"")


def test_the_endpoint_lists_the_files(client: httpx.Client) -> None:
    assert {"name": FILE.name, "size": FILE.stat().st_size} in client.get("/files").json()


@pytest.mark.parametrize(
    "path", ["/files/../house.md", "/files/..%2Fhouse.md", "/files/%2Fetc%2Fpasswd", "/files/none"]
)
def test_no_other_file_is_sent(client: httpx.Client, path: str) -> None:
    raw = client.base_url.copy_with(raw_path=path.encode())
    assert client.send(client.build_request("GET", raw)).status_code == 404
