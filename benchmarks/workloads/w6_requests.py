"""W6: GET of a small Struct; POST and echo of one that is validated."""

from contextlib import ExitStack
from select import EPOLLIN, epoll

from benchmarks.client import connected, request
from benchmarks.subject import CEILING, EVERYONE
from benchmarks.trial import Trial
from benchmarks.workload import BEST_PEER, Figures, Metric, Target, Workload

GET = Metric("GET", "requests per second of CPU", is_better_high=True)
POST = Metric("POST", "requests per second of CPU", is_better_high=True)

CONNECTIONS = 32
WARM_UP_REQUESTS = 500
BODY = b'{"id":100000,"name":"Item 100000","price":10.01}'


def measure(trial: Trial) -> Figures:
    """CPU seconds, since a client in Python would not keep every server busy."""
    server, count = trial.server, trial.size(20_000, 1_000)
    figures: dict[str, float] = {}
    for metric, message in ((GET, request("/item")), (POST, request("/item", body=BODY))):
        ask(server.port, message, WARM_UP_REQUESTS)
        before = server.read().cpu
        ask(server.port, message, count)
        figures[metric.name] = count / (server.read().cpu - before)
    return figures


def ask(port: int, message: bytes, count: int) -> None:
    """Sends a request `count` times over connections that are kept, each when its last is answered."""
    with ExitStack() as stack:
        ready = stack.enter_context(epoll())
        clients = {one.fileno(): one for one in (stack.enter_context(connected(port)) for _ in range(CONNECTIONS))}
        size = answer_size(port, message)
        waiting_for = dict.fromkeys(clients, size)
        for number, client in clients.items():
            ready.register(number, EPOLLIN)
            client.sendall(message)
        to_send, to_come = count - CONNECTIONS, count
        while to_come > 0:
            for number, _ in ready.poll():
                waiting_for[number] -= len(clients[number].recv(65_536))
                if waiting_for[number] <= 0:
                    to_come -= 1
                    waiting_for[number] = size
                    if to_send > 0:
                        to_send -= 1
                        clients[number].send(message)


def answer_size(port: int, message: bytes) -> int:
    """The bytes of one answer, which are those of each."""
    with connected(port, patience=1.0) as client:
        client.sendall(message)
        answer = client.recv(65_536)
        head, _, body = answer.partition(b"\r\n\r\n")
        while not (_is_whole(head, body)):
            body += client.recv(65_536)
    if not head.startswith(b"HTTP/1.1 2"):
        raise RuntimeError(f"the server answered {head!r}")
    return len(head) + 4 + len(body)


def _is_whole(head: bytes, body: bytes) -> bool:
    _, _, length = head.lower().partition(b"content-length: ")
    return len(body) == int(length.split()[0]) if length else body.endswith(b"0\r\n\r\n")


W6 = Workload(
    name="W6",
    title="GET of a small Struct; POST and echo of one that is validated",
    metrics=(GET, POST),
    targets=(
        Target(GET.name, 0.95, CEILING),
        Target(POST.name, 0.95, CEILING),
        Target(GET.name, 1.1, BEST_PEER),
        Target(POST.name, 1.1, BEST_PEER),
        Target(GET.name, 3.0, "fastapi"),
    ),
    subjects=EVERYONE,
    measure=measure,
)
