"""Lists the versions of all software in a run."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable

from benchmarks.subject import SUBJECTS

SERVER = ("uvicorn", "uvloop", "httptools")


def versions(names: Iterable[str]) -> list[str]:
    """Returns the versions of Python, the machine, the server, and every package of these subjects."""
    interpreters = dict.fromkeys(SERVER, sys.executable)
    for subject in map(SUBJECTS.__getitem__, names):
        interpreters |= dict.fromkeys(subject.distributions, subject.interpreter)
    processor = f"{platform.machine()}, {os.cpu_count()} cores"
    return [
        f"{platform.python_implementation()} {platform.python_version()}",
        f"{platform.system()} {platform.release()} on {processor}",
        *(f"{package} {_version(package, interpreter)}" for package, interpreter in interpreters.items()),
    ]


def _version(package: str, interpreter: str) -> str:
    if interpreter != sys.executable:
        return _version_elsewhere(package, interpreter) if interpreter else "(not installed)"
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed: run from its checkout)"


def _version_elsewhere(package: str, interpreter: str) -> str:
    program = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    command = [interpreter, "-I", "-c", program]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
