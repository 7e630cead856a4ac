"""A test of a form: the test client sends texts by `data=` and files by `files=`."""

from forms import app

from jero.testing import TestClient


def test_the_photos_of_an_album_are_stored() -> None:
    with TestClient(app) as client:
        photos = [("photos", ("sea.jpg", b"waves", "image/jpeg")), ("photos", ("sky.jpg", b"clouds", "image/jpeg"))]
        answer = client.post("/albums", data={"title": "Summer"}, files=photos)
    assert [photo["size"] for photo in answer.json()] == [5, 6]
