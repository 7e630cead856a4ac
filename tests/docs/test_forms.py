import hashlib

import httpx


def test_a_message_is_read_from_both_kinds_of_form(client: httpx.Client) -> None:
    message = {"name": "Ada", "age": 36, "topics": ["engines"]}
    data = {"name": "Ada", "age": "36", "topics": "engines"}
    assert client.post("/messages", data=data).json() == message
    assert client.post("/messages", data=data, files={"unknown": b""}).json() == message


def test_photos_are_stored_and_their_size_is_limited(client: httpx.Client) -> None:
    photos = [("photos", (f"{size}.jpg", bytes(size))) for size in (0, 1, 5_000_000)]
    stored = client.post("/albums", files=photos, data={"title": "Sea"}).json()
    assert [photo["filename"] for photo in stored] == ["0.jpg", "1.jpg", "5000000.jpg"]
    assert stored[2]["sha256"] == hashlib.sha256(bytes(5_000_000)).hexdigest()
    refused = client.post("/albums", files=[("photos", bytes(5_000_001))], data={"title": "Sea"})
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (413, ["form", "photos"])


def test_a_table_is_streamed_while_it_is_read(client: httpx.Client) -> None:
    table = "title;year\n" + "Métropolis;1927\n" * 100_000
    rows = client.post("/tables", files={"table": ("films.csv", table)}, data={"delimiter": ";"}).text.splitlines()
    assert len(rows) == 100_000
    assert rows[-1] == '{"title":"Métropolis","year":"1927"}'
