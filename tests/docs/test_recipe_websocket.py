import httpx
import pytest
from httpx_sse import connect_sse
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.docs.example import Example
from tests.docs.program import PATIENCE

ORIGIN = Origin("https://chat.example")


def address(example: Example) -> str:
    return example.url.replace("http", "ws", 1) + "/sockets/chat"


def test_what_a_socket_sends_is_in_the_event_stream(example: Example, client: httpx.Client) -> None:
    with (
        connect_sse(client, "GET", "/chat") as source,
        connect(address(example), origin=ORIGIN, proxy=None, open_timeout=PATIENCE) as socket,
    ):
        events = source.iter_sse()
        for text in ("hello", "there"):
            socket.send(text)
            assert next(events).json() == {"text": text}


@pytest.mark.parametrize("origin", [Origin("https://evil.example"), None])
def test_a_page_of_another_origin_gets_no_socket(example: Example, origin: Origin | None) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(address(example), origin=origin, proxy=None, open_timeout=PATIENCE),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_a_shutdown_closes_the_sockets(example: Example) -> None:
    with connect(address(example), origin=ORIGIN, proxy=None, open_timeout=PATIENCE) as socket:
        example.program.interrupt()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012  # the service restarts: the page connects again
    assert example.program.status() == 0
