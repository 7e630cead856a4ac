"""Runs a Redis cluster for the tests: three masters, each with a replica, on this machine."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep

from tests import programs
from tests.channels.redis_server import PATIENCE, Options, RedisServer
from tests.ports import free_port

MASTERS = 3
SLOTS = 16_384


class ClusterServers:
    """Six nodes. None replaces another one of its own accord: only a test has a replica promoted.

    `servers`: the nodes; the first three began as masters. `url`: the URL of the first one.
    """

    def __init__(self, folder: Path) -> None:
        self.servers: list[RedisServer] = []
        self._bus_ports: dict[RedisServer, int] = {}
        for number in range(2 * MASTERS):
            (folder / str(number)).mkdir()
            bus_port = free_port()
            options: Options = {
                "cluster-enabled": "yes",
                "cluster-port": bus_port,
                "cluster-node-timeout": 500,
                "cluster-replica-no-failover": "yes",
                "cluster-require-full-coverage": "no",
                "repl-diskless-sync-delay": 0,
            }
            server = RedisServer(folder / str(number), "always", options)
            self.servers.append(server)
            self._bus_ports[server] = bus_port
        self.url = self.servers[0].url
        self._names: dict[RedisServer, str] = {}

    def start(self) -> None:
        """Starts the nodes, and waits until they are a cluster."""
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.wait()
        self._names = {server: _text(server, "CLUSTER", "MYID") for server in self.servers}
        first, *others = self.servers
        for number, server in enumerate(self.servers[:MASTERS]):
            bounds = (SLOTS * number // MASTERS, SLOTS * (number + 1) // MASTERS - 1)
            _order(server, "CLUSTER", "ADDSLOTSRANGE", *map(str, bounds))
            _order(server, "CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
        for server in others:
            _order(server, "CLUSTER", "MEET", "127.0.0.1", str(first.port), str(self._bus_ports[first]))
        for master, replica in zip(self.servers[:MASTERS], self.servers[MASTERS:], strict=True):
            wait_until(partial(self._replicate, replica, master))
        self.wait()

    def _replicate(self, replica: RedisServer, master: RedisServer) -> bool:
        return replica.command("CLUSTER", "REPLICATE", self._names[master]).startswith(b"+OK")

    def wait(self) -> None:
        """Waits until all nodes agree about the slots, and the replicas have what their masters have."""
        wait_until(lambda: all("cluster_state:ok" in _text(server, "CLUSTER", "INFO") for server in self.servers))
        wait_until(lambda: len({_owners(server) for server in self.servers}) == 1, self._show)
        wait_until(lambda: len({_masters(server) for server in self.servers}) == 1, self._show)
        wait_until(lambda: all(_is_linked(server) for server in self.servers), self._show)
        for server in self.servers:  # from now on a busy machine does not look like a failure
            _order(server, "CONFIG", "SET", "cluster-node-timeout", "2000")

    def master_of(self, key: str) -> RedisServer:
        """Returns the server that has the slot of a key."""
        answering = next(server for server in self.servers if server.is_answering)
        slot = int(answering.command("CLUSTER", "KEYSLOT", key).removeprefix(b":"))
        return self._find(lambda flags, slots: "master" in flags and slot in slots)[0]

    def masters(self) -> list[RedisServer]:
        """Returns the servers that have slots."""
        return self._find(lambda flags, slots: "master" in flags and bool(slots))

    def slots_of(self, master: RedisServer) -> set[int]:
        """Returns the slots that a server has."""
        (found,) = [_slots(fields[8:]) for server, fields in self._nodes() if server is master]
        return found

    def replica_of(self, master: RedisServer) -> RedisServer:
        """Returns the replica of a master."""
        name = self._names[master]
        (replica,) = [server for server, fields in self._nodes() if "slave" in fields[2] and fields[3] == name]
        return replica

    def promote(self, replica: RedisServer) -> None:
        """Has a replica take the place of its master, whether that answers or not, and waits until all know it."""
        _order(replica, "CLUSTER", "FAILOVER", "TAKEOVER")
        self._wait_for_view(replica)

    def _wait_for_view(self, knowing: RedisServer) -> None:
        answering = [server for server in self.servers if server.is_answering]
        wait_until(lambda: {_owners(server) for server in answering} == {_owners(knowing)}, self._show)

    def _show(self) -> str:
        return "\n\n".join(_text(server, "CLUSTER", "NODES") for server in self.servers if server.is_answering)

    def move_slot(self, slot: int, target: RedisServer) -> None:
        """Moves a slot with all its keys to another master."""
        source = self.begin_to_move(slot, target)
        for server in (target, source):
            _order(server, "CLUSTER", "SETSLOT", str(slot), "NODE", self._names[target])
        self._wait_for_view(target)

    def begin_to_move(self, slot: int, target: RedisServer) -> RedisServer:
        """Moves all keys of a slot, but not the slot. Returns the server that has it."""
        (source,) = self._find(lambda flags, slots: "master" in flags and slot in slots)
        number = str(slot)
        _order(target, "CLUSTER", "SETSLOT", number, "IMPORTING", self._names[source])
        _order(source, "CLUSTER", "SETSLOT", number, "MIGRATING", self._names[target])
        while keys := _words(source, "CLUSTER", "GETKEYSINSLOT", number, "100"):
            migrated = source.command("MIGRATE", "127.0.0.1", str(target.port), "", "0", "5000", "KEYS", *keys)
            assert migrated[:3] in (b"+OK", b"+NO")  # a key may have expired meanwhile
        return source

    def take_slot_away(self, slot: int) -> None:
        """Leaves a slot without a master."""
        for server in (*self.masters(), *self.servers):
            server.command("CLUSTER", "DELSLOTS", str(slot))

    def give_slot(self, slot: int, target: RedisServer) -> None:
        """Gives a slot without a master to one."""
        _order(target, "CLUSTER", "ADDSLOTS", str(slot))
        self._wait_for_view(target)

    def restore(self) -> None:
        """Starts what was killed, continues what was stopped, and waits until each master has a replica again."""
        for server in self.servers:
            if not server.is_running:
                server.start()
            server.answer_again()
        self.wait()

    def kill(self) -> None:
        """Kills the nodes."""
        for server in self.servers:
            server.kill()

    def _nodes(self) -> list[tuple[RedisServer, list[str]]]:
        """Returns what a node that answers says of each node."""
        answering = next(server for server in self.servers if server.is_answering)
        servers = {name: server for server, name in self._names.items()}
        lines = [line.split() for line in _text(answering, "CLUSTER", "NODES").splitlines()]
        return [(servers[fields[0]], fields) for fields in lines]

    def _find(self, matches: Callable[[str, set[int]], bool]) -> list[RedisServer]:
        return [server for server, fields in self._nodes() if matches(fields[2], _slots(fields[8:]))]


def _slots(ranges: list[str]) -> set[int]:
    slots: set[int] = set()
    for part in ranges:
        if not part.startswith("["):  # a slot that is about to move
            first, _, last = part.partition("-")
            slots.update(range(int(first), int(last or first) + 1))
    return slots


def _owners(server: RedisServer) -> frozenset[tuple[str, ...]]:
    """Returns which node has which slots, as one node sees it."""
    lines = map(str.split, _text(server, "CLUSTER", "NODES").splitlines())
    owned = ((fields[0], *(part for part in fields[8:] if not part.startswith("["))) for fields in lines)
    return frozenset(parts for parts in owned if len(parts) > 1)


def _masters(server: RedisServer) -> frozenset[tuple[str, str]]:
    """Returns which node is a replica of which one, as one node sees it."""
    return frozenset(
        (fields[0], fields[3]) for fields in map(str.split, _text(server, "CLUSTER", "NODES").splitlines())
    )


def _is_linked(server: RedisServer) -> bool:
    facts = _text(server, "INFO", "replication")
    return "master_link_status:up" in facts or "connected_slaves:1" in facts


def _text(server: RedisServer, *words: str) -> str:
    """Returns the answer to a command, which is a text."""
    answer = server.command(*words)
    assert answer.startswith(b"$"), answer
    return answer.partition(b"\r\n")[2].decode().strip()


def _words(server: RedisServer, *words: str) -> list[bytes]:
    """Returns the answer to a command, which is a list of texts."""
    return server.command(*words).split(b"\r\n")[2::2]


def _order(server: RedisServer, *words: str) -> None:
    """Sends a command that must succeed."""
    answer = server.command(*words)
    assert answer == b"+OK\r\n", (words, answer)


def wait_until(is_true: Callable[[], bool], show: Callable[[], str] = str) -> None:
    """Waits until something is true. If it never is, the failure shows what is."""
    deadline = monotonic() + PATIENCE
    while not is_true():
        assert monotonic() < deadline, show()
        sleep(0.02)


@contextmanager
def running_cluster(folder: Path) -> Generator[ClusterServers, None, None]:
    """Starts a cluster for a block of code. Skips or fails the test if redis-server is missing."""
    programs.require(["redis-server"])
    cluster = ClusterServers(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()
