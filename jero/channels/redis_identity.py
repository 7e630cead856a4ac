"""Says which Redis answers, and whether it has everything that another one had acknowledged."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace


class Identity(Struct, frozen=True):
    """Says which Redis answers, and whether it can lose what it has acknowledged.

    `run_id`: another for each process. `replaced`: the history that a replica had before it was promoted. `is_durable`:
    it answers only when the disk has what it answers for. `history`: the history that it has now, which its replicas
    share. `address`: its host and port. `is_replica`: it follows another one. `heir`: the Redis that has the stream
    now, as this one said itself. `earlier`: the histories that it had before, which its replicas may have had, too.
    """

    run_id: str
    replaced: str
    is_durable: bool
    history: str = ""
    address: str = ""
    is_replica: bool = False
    heir: "Identity | None" = None
    earlier: frozenset[str] = frozenset()

    def has_all_of(self, earlier: "Identity") -> bool:
        """Returns whether this Redis surely has everything that the one before had acknowledged."""
        if not (self.run_id and earlier.run_id):
            return False
        if self.run_id == earlier.run_id:
            return self.is_unbroken_since(earlier)
        if earlier.heir is not None:  # its slot was moved, unless this one is its replica and was promoted
            return self.replaced not in {earlier.history, *earlier.earlier} and self._has_all_of_heir(earlier.heir)
        is_restart = self.address == earlier.address and not self._was_promoted
        return is_restart and self.is_durable and earlier.is_durable

    def is_unbroken_since(self, earlier: "Identity") -> bool:
        """Returns whether this is the same process, and has followed no other Redis meanwhile."""
        if self.run_id != earlier.run_id or self.is_replica != earlier.is_replica:
            return False
        # A promotion begins a new history, and names the one before. A master without replicas may begin one, too.
        return self.history == earlier.history or not (self.is_replica or self._was_promoted)

    @property
    def _was_promoted(self) -> bool:
        return bool(self.replaced.strip("0"))

    def _has_all_of_heir(self, heir: "Identity") -> bool:
        """Returns whether this is the Redis that has received a stream, and has lost nothing of it."""
        return self.has_all_of(heir) if heir.run_id else self.address == heir.address

    def after(self, earlier: "Identity") -> "Identity":
        """Returns the identity of this Redis, which has a stream after another one, or after it was connected to."""
        if earlier.heir is not None:
            return self
        histories = {*earlier.earlier, earlier.history} - {self.history, self.replaced}
        return replace(self, earlier=frozenset(histories)) if histories else self

    def handed_over(self, heir: "Identity") -> "Identity":
        """Returns the identity of the same Redis after it has given a stream to another one."""
        return replace(self, heir=heir)


def unknown(address: str = "") -> Identity:
    """Returns the identity of a Redis that does not say which one it is: another one for each connection."""
    return Identity("", "", is_durable=False, address=address)


def read_identity(info: bytes, settings: Sequence[bytes], address: str) -> Identity:
    """Returns the identity that the answers to `INFO` and `CONFIG GET` describe.

    `settings`: empty if Redis has refused to give them.
    """
    # `INFO` also names files, in whichever encoding the system has.
    parts = (line.decode(errors="replace").partition(":") for line in info.replace(b"\r", b"").split(b"\n"))
    facts = {name: value for name, _, value in parts}
    found = dict(zip(settings[::2], settings[1::2], strict=True))
    return Identity(
        facts.get("run_id", ""),
        facts.get("master_replid2", ""),
        is_durable=found.get(b"appendonly") == b"yes" and found.get(b"appendfsync") == b"always",
        history=facts.get("master_replid", ""),
        address=address,
        is_replica=facts.get("role") == "slave",
    )
