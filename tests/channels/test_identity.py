"""Which Redis surely has everything that the one before had acknowledged, by what both say of themselves."""

import pytest
from msgspec.structs import replace

from jero.channels.redis_identity import Identity, read_identity, unknown

NONE = "0" * 40
SAME = Identity("a", NONE, is_durable=False, history="h", address="here:1")
DURABLE = replace(SAME, is_durable=True)
OTHER = Identity("b", NONE, is_durable=False, history="i", address="there:1")
KNOWN = SAME.handed_over(OTHER)
MOVED = SAME.handed_over(unknown("there:1"))
MOVED_ON = Identity("d", NONE, is_durable=False, history="d").after(MOVED).handed_over(unknown("there:1"))
MOVED_AFTER_RESTART = DURABLE.after(Identity("c", NONE, is_durable=True, history="e")).handed_over(unknown("there:1"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (SAME, SAME, True),
        (SAME, replace(SAME, run_id="b"), False),  # a restart
        (DURABLE, replace(DURABLE, run_id="b", history="i"), True),
        (DURABLE, replace(SAME, run_id="b"), False),
        (SAME, replace(DURABLE, run_id="b"), False),
        (DURABLE, replace(DURABLE, run_id="b", address="there:1"), False),  # it is not a restart
        (DURABLE, replace(DURABLE, run_id="b", replaced="h"), False),  # a replica that was promoted
        (unknown(), unknown(), False),  # it does not say
        (SAME, unknown("here:1"), False),
        (SAME, replace(SAME, history="i"), True),  # it had no replica, and has one now
        (SAME, replace(SAME, history="i", replaced="h"), False),  # it was a replica, and was promoted
        (SAME, replace(SAME, history="i", is_replica=True), False),
        (replace(SAME, is_replica=True), replace(SAME, is_replica=True), True),
        (replace(SAME, is_replica=True), replace(SAME, is_replica=True, history="i"), False),  # its master was replaced
        (MOVED, OTHER, True),  # another master, which the slot was moved to
        (MOVED, replace(OTHER, replaced="c"), True),
        (MOVED, replace(OTHER, address="there:2"), False),  # one that has replaced it since
        (MOVED, replace(OTHER, replaced="h"), False),  # the replica of the one that had the slot
        (MOVED, unknown("there:1"), False),
        (MOVED, SAME, True),  # the slot has come back
        (MOVED, replace(SAME, history="i", replaced="j"), False),
        (MOVED_ON, replace(OTHER, replaced="h"), True),  # which was promoted when it did not have the slot
        (MOVED_AFTER_RESTART, replace(OTHER, replaced="e"), False),  # the replica of the one before it
        (MOVED_AFTER_RESTART, OTHER, True),
        (KNOWN, OTHER, True),
        (KNOWN, replace(OTHER, run_id="c"), False),  # it was restarted after the slot had moved there
        (KNOWN, replace(OTHER, history="k", replaced="i"), False),  # it was replaced for a while
    ],
)
def test_which_redis_has_all_events_of_the_one_before(before: Identity, after: Identity, *, expected: bool) -> None:
    assert after.has_all_of(before) == expected


def test_a_redis_in_a_folder_whose_name_is_not_utf_8_says_which_one_it_is() -> None:
    info = b"# Server\r\nrun_id:a\r\nexecutable:/caf\xe9/redis-server\r\n# Replication\r\nmaster_replid:h\r\n"
    found = read_identity(info, [b"appendonly", b"yes", b"appendfsync", b"always"], "here:1")
    assert found == Identity("a", "", is_durable=True, history="h", address="here:1")
