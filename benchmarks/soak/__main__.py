"""Runs the soak: `python -m benchmarks.soak [seconds]` prints its counts, and exits with 1 if a bound is broken."""

import argparse
import asyncio
import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from time import monotonic

from benchmarks.soak.bystanders import drain_endlessly, sample_health
from benchmarks.soak.connection import get
from benchmarks.soak.crowd import Crowd
from benchmarks.soak.findings import COUNTED, Findings, verdicts
from benchmarks.soak.held import Held
from benchmarks.soak.server import Server, served
from benchmarks.soak.state import State

SECONDS = 180.0
# Memory grows in the first few rounds, while the allocator claims its arenas, and then stays as large.
WARM_UPS = 6
WARM_UP_SHARE = 0.03
HELD_STREAMS = 2_000
LAST_STREAMS = 100
SETTLING_SECONDS = 15.0
DESCRIPTORS = 8_192


async def strain(port: int, seconds: float, pool: ProcessPoolExecutor, findings: Findings) -> None:
    """Opens all kinds of streams at once for `seconds`, and then has all clients leave."""
    loop = asyncio.get_running_loop()
    held, crowd = Held(port, HELD_STREAMS), Crowd(port)
    await held.fill()
    until = monotonic() + seconds
    sampling = loop.run_in_executor(pool, sample_health, port, until)
    draining = loop.run_in_executor(pool, drain_endlessly, port, until)
    crowd.start()
    await held.rotate(until)
    await crowd.stop()
    findings.health, findings.drained = await asyncio.gather(sampling, draining)
    findings.closings = held.closing_times[:]
    await held.leave()
    findings.closings_at_once = await held.closings_of_all()
    findings.asked.append(crowd.streams)
    findings.watched += held.streams
    findings.endless += 1
    findings.unclosed += held.unclosed
    findings.dropped += held.dropped
    findings.surprises += crowd.surprises


async def settled(port: int, before: State) -> State:
    """Returns the server's state as soon as no count exceeds the state `before`, or after `SETTLING_SECONDS`."""
    deadline = monotonic() + SETTLING_SECONDS
    while True:
        state = await get(port, "/state", State)
        is_settled = all(getattr(state, thing) <= getattr(before, thing) for thing in COUNTED)
        if is_settled or monotonic() > deadline:
            return state
        await asyncio.sleep(0.2)


async def soak(server: Server, seconds: float) -> Findings:
    """Runs the warm-up and the soak, and stops the server while streams are open."""
    findings = Findings()
    findings.empty = await get(server.port, "/state", State)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for _ in range(WARM_UPS):
            await strain(server.port, seconds * WARM_UP_SHARE, pool, findings)
            findings.before = await settled(server.port, findings.empty)
        await strain(server.port, seconds * (1 - WARM_UPS * WARM_UP_SHARE), pool, findings)
        findings.after = await settled(server.port, findings.before)
    last = Held(server.port, LAST_STREAMS)
    await last.fill()
    findings.exit_status, findings.exit_seconds = await asyncio.to_thread(server.stop)
    return findings


def main() -> int:
    """Runs the command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=SECONDS, help="how long it strains the server")
    seconds: float = parser.parse_args().seconds
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, most), most))
    with served() as server:
        findings = asyncio.run(soak(server, seconds))
    print(findings.report())
    found = verdicts(findings)
    for verdict in found:
        print(verdict)
    return 0 if all(verdict.is_held for verdict in found) else 1


if __name__ == "__main__":
    sys.exit(main())
