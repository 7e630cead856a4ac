"""The Lua scripts of runs, which Redis runs in one step, and the keys that they are about."""

from importlib.resources import files
from secrets import token_hex
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from jero.channels.event import Payload
from jero.runs.register import LOST


def _read(name: str) -> str:
    return files("jero.runs").joinpath(f"{name}.lua").read_text("utf-8")


_COMMON: Final = _read("run")

BEGIN: Final = f"{_COMMON}\n{_read('begin_run')}"
APPEND: Final = f"{_COMMON}\n{_read('append_run')}"
END: Final = f"{_COMMON}\n{_read('end_run')}"
READ: Final = f"{_COMMON}\n{_read('read_run')}"
LOSE: Final = f"{_COMMON}\n{_read('lose_run')}"
RENEW: Final = f"{_COMMON}\n{_read('renew_run')}"
STOP: Final = f"{_COMMON}\n{_read('stop_run')}"
FORGET: Final = f"{_COMMON}\n{_read('forget_run')}"
CLAIM: Final = _read("claim_run")
RENEW_CLAIM: Final = _read("renew_claim")
CALL_WRITER: Final = _read("call_writer")

# Scripts that run on connections of their own, beside those of `APPEND`.
OTHERS: Final = (BEGIN, END, READ, LOSE, RENEW, STOP, FORGET, CLAIM, RENEW_CLAIM, CALL_WRITER)
# Replicas must have what these write.
WAITED: Final = (BEGIN, APPEND, END, LOSE, CLAIM)


class Keys(Struct, frozen=True):
    """The keys of the runs of one name. Those of one run, and those of one owner, are in one slot of a cluster."""

    prefix: str
    name: str

    def stream(self, run_id: str) -> str:
        """Returns the key of a run's stream."""
        return f"{self._of('run')}{{{quote(run_id, safe='')}}}"

    def of_run(self, run_id: str) -> list[str]:
        """Returns the keys of a run: of its stream and of its record."""
        stream = self.stream(run_id)
        return [stream, f"{stream}:record"]

    def of_owner(self, owner: str, key: str | None) -> list[str]:
        """Returns the key of an owner's open runs, and the key of the run with an idempotency key, if there is one."""
        keys = [f"{self._of('owner')}{{{owner}}}"]
        return keys if key is None else [*keys, f"{keys[0]}:{key}"]

    def writer(self) -> str:
        """Returns the key of a new channel, on which a writer hears that its runs are to stop."""
        return f"{self._of('writer')}{token_hex(8)}"

    def _of(self, what: str) -> str:
        return f"{self.prefix}runs:{quote(self.name, safe='')}:{what}:"


def typed(payload: Payload) -> tuple[str, bytes, str]:
    """Returns the form, the data and the event's type of an item, as the scripts take them."""
    return "text" if payload.is_text else "data", payload.data, "" if payload.event is None else f"={payload.event}"


LOST_DATA: Final = LOST.data
END_TYPE: Final = f"={LOST.event}"
