import httpx
from httpx_sse import connect_sse


def test_the_answer_is_streamed_and_can_be_followed_again(client: httpx.Client) -> None:
    with client.stream("POST", "/answers", json={"text": "Who is there?"}) as response:
        location = response.headers["location"]
        assert next(response.iter_lines()) == '{"text":"You"}'
    with connect_sse(client, "GET", location) as source:
        *words, end = source.iter_sse()
    assert [event.json()["text"] for event in words] == ["You", "asked:", "Who", "is", "there?"]
    assert end.event == "end"
