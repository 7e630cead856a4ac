"""W12: the import of a framework, and the time to its first response."""

import compileall
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import jero
from benchmarks.client import connected, request
from benchmarks.subject import CEILING, EVERYONE_WITH_SSE, JERO
from benchmarks.trial import Trial
from benchmarks.workload import Figures, Metric, Target, Workload

IMPORT = Metric("import", "ms of CPU")
MEMORY = Metric("memory", "MiB over the interpreter")
IMPORT_SERVED = Metric("import after uvicorn", "ms of CPU")
MEMORY_SERVED = Metric("memory after uvicorn", "MiB over uvicorn")
FIRST_RESPONSE = Metric("first response", "ms from the server's start")

# The imports of an application. The ceiling imports only its encoder.
IMPORTS = {
    JERO: "import jero",
    CEILING: "import msgspec",
    "starlette": "import starlette.applications, starlette.requests, starlette.responses, starlette.routing",
    "litestar": "import litestar, litestar.response",
    "blacksheep": "import blacksheep, blacksheep.server.sse",
    "falcon": "import falcon.asgi",
    "fastapi": "import fastapi, fastapi.responses, fastapi.sse",
    "sse-starlette": "import sse_starlette, starlette.applications, starlette.routing",
    "django-modern-rest": "import django.core.handlers.asgi, dmr.streaming.jsonl, dmr.streaming.sse",
}
PROGRAM = """
import os, time
{first}
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
before, began = resident(), time.process_time()
{statement}
print(time.process_time() - began, resident() - before)
"""
# The modules that a server has imported before it imports the application.
SERVER = "import uvicorn, uvicorn.protocols.http.httptools_impl, uvloop"
IMPORTS_PER_ROUND = 3


def measure(trial: Trial) -> Figures:
    """Measures three imports, each in a process of its own, for their medians, and one start of a server.

    pip compiles the peers when it installs them. The checkout is compiled here, since Python may be set not to do it.
    """
    compileall.compile_dir(Path(jero.__file__).parent, quiet=1)
    statement, times = IMPORTS[trial.subject.name], trial.size(IMPORTS_PER_ROUND, 1)
    cpu, resident = _import(statement, "", times)
    cpu_served, resident_served = _import(statement, SERVER, times)
    return {
        IMPORT.name: cpu * 1e3,
        MEMORY.name: resident / 1024**2,
        IMPORT_SERVED.name: cpu_served * 1e3,
        MEMORY_SERVED.name: resident_served / 1024**2,
        FIRST_RESPONSE.name: _first_response(trial) * 1e3,
    }


def _import(statement: str, first: str, times: int) -> tuple[float, float]:
    """Returns the CPU seconds of an import, and the bytes by which the process grew."""
    command = [sys.executable, "-c", PROGRAM.format(statement=statement, first=first)]
    printed = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout for _ in range(times)]
    cpu, resident = zip(*(map(float, line.split()) for line in printed), strict=True)
    return median(cpu), median(resident)


def _first_response(trial: Trial) -> float:
    began = time.perf_counter()
    with trial.fresh_server() as server, connected(server.port) as client:
        client.sendall(request("/health"))
        client.recv(4096)
        return time.perf_counter() - began


W12 = Workload(
    name="W12",
    title="cold start",
    metrics=(IMPORT, MEMORY, IMPORT_SERVED, MEMORY_SERVED, FIRST_RESPONSE),
    targets=(
        Target(IMPORT.name, 1.0, "starlette"),
        Target(MEMORY.name, 0.1, "fastapi"),
        Target(MEMORY_SERVED.name, 0.1, "fastapi"),
        Target(FIRST_RESPONSE.name, 1.0, "starlette"),
    ),
    subjects=EVERYONE_WITH_SSE,
    measure=measure,
)
