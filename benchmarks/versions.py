"""Lists the versions of all software in a run."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable

from benchmarks.subject import SUBJECTS

SERVER = ("uvicorn", "uvloop", "httptools")


def versions(names: Iterable[str]) -> list[str]:
    """Returns the versions of Python, the machine, the server, and every package of these subjects."""
    packages = dict.fromkeys([*SERVER, *(package for name in names for package in SUBJECTS[name].distributions)])
    processor = f"{platform.machine()}, {os.cpu_count()} cores"
    return [
        f"{platform.python_implementation()} {platform.python_version()}",
        f"{platform.system()} {platform.release()} on {processor}",
        *(f"{package} {_version(package)}" for package in packages),
    ]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed: run from its checkout)"
