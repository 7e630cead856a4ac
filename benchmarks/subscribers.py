"""The clients of a channel: many subscribers, and one client that has the server publish items."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle, islice
from select import EPOLLIN, epoll
from socket import socket
from types import TracebackType
from typing import Self

from benchmarks.arrival import receive, stamp
from benchmarks.client import BUFFER_BYTES, PATIENCE, connected, request
from benchmarks.delivery import Delivery

PATH = "/channel"
ANSWER_BYTES = 4096

# Reads bytes. Returns their number and the time of their arrival.
Read = Callable[[socket, memoryview], tuple[int, float]]


class Subscribers:
    """A context manager: `count` subscribers, spread evenly over the ports. All that they receive is kept.

    The server of the first port publishes. `patience`: seconds without any delivery after which waiting fails.
    """

    def __init__(self, ports: Sequence[int], count: int, *, patience: float = PATIENCE) -> None:
        self._ports = ports
        self._count = count
        self._patience = patience
        self._stack = ExitStack()
        self._ready = epoll()
        self._connections: dict[int, socket] = {}
        self._deliveries: dict[int, Delivery] = {}
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._published = 0
        self._is_in_order = True

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._ready)
            self._publisher = stack.enter_context(connected(self._ports[0]))
            clients = [stack.enter_context(connected(port)) for port in islice(cycle(self._ports), self._count)]
            for client in clients:
                client.sendall(request(PATH))
            for client in clients:
                _check_status(client)
                self._connections[client.fileno()] = client
                self._deliveries[client.fileno()] = Delivery()
                self._ready.register(client.fileno(), EPOLLIN)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def publish(self, count: int, *, pause: float = 0.0, publishers: int = 1) -> int:
        """Has the server publish `count` items. Returns the number of deliveries when all have arrived."""
        self._ask_for(count, pause, publishers)
        self._receive(count * self._count, _read_now)
        _check_answer(self._publisher)
        return count * self._count

    def publish_in_turn(self, times: int, count: int) -> int:
        """Publishes `count` items `times` times, each time when all subscribers have received the last ones."""
        return sum(self.publish(count) for _ in range(times))

    def publish_at_leisure(self, times: int, *, rest: float) -> None:
        """Publishes `times` items, one by one. This process sleeps for `rest` seconds while an item is delivered.

        Then it reads the item, and takes the time of arrival from the kernel.
        """
        stamp(self._connections.values())
        for _ in range(times):
            self._ask_for(1)
            time.sleep(rest)
            self._receive(self._count, receive)
            _check_answer(self._publisher)

    def check(self) -> None:
        """Raises `RuntimeError` unless each subscriber received each item once, in the order of publishing.

        Several publishers have no common order: each subscriber must then have received the same order.
        """
        deliveries = list(self._deliveries.values())
        numbers = range(self._published)
        order = numbers if self._is_in_order else deliveries[0].numbers()
        if sorted(order) != list(numbers):
            raise RuntimeError(f"a subscriber received {len(order)} of {len(numbers)} events")
        for delivery in deliveries:
            delivery.check(order)

    def delays(self, last: int) -> Iterator[float]:
        """Yields the milliseconds from publishing to arrival of the `last` events, for each subscriber."""
        for delivery in self._deliveries.values():
            yield from delivery.delays(self._published - last)

    def _ask_for(self, count: int, pause: float = 0.0, publishers: int = 1) -> None:
        path = f"{PATH}?first={self._published}&count={count}&pause={pause}&publishers={publishers}"
        self._published += count
        self._is_in_order = self._is_in_order and publishers == 1
        self._publisher.sendall(request(path, body=b""))

    def _receive(self, deliveries: int, read: Read) -> None:
        poll, buffer, connections, kept = self._ready.poll, self._buffer, self._connections, self._deliveries
        while deliveries > 0:
            ready = poll(self._patience)
            if not ready:
                raise RuntimeError(f"{deliveries} deliveries are missing: nothing arrived for {self._patience:g} s")
            for number, _ in ready:
                size, at = read(connections[number], buffer)
                if not size:
                    raise RuntimeError(f"the server closed a connection to {PATH}")
                deliveries -= kept[number].add(buffer[:size], at)


def _read_now(client: socket, buffer: memoryview) -> tuple[int, float]:
    return client.recv_into(buffer), time.monotonic()


def _check_answer(publisher: socket) -> None:
    """Reads the whole answer, which may come in parts. Raises `RuntimeError` unless its status is 200 or 201."""
    answer = _check_status(publisher)
    while not answer.endswith(b"\r\n\r\nok"):
        answer += _received(publisher)


def _check_status(client: socket) -> bytes:
    answer = _received(client)
    if not answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 201 ")):
        raise RuntimeError(f"the server answered {PATH} with {answer[:200]!r}, not 200 or 201")
    return answer


def _received(client: socket) -> bytes:
    received = client.recv(ANSWER_BYTES)
    if not received:
        raise RuntimeError(f"the server closed a connection to {PATH}")
    return received
