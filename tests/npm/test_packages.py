"""The packages of npm are the same on each machine, and come from the registry that the machine uses."""

import json
import re
import subprocess
from typing import Any

from tests.npm.programs import FOLDER, needs_npm, npm_program

EXACT = re.compile(r"\d+\.\d+\.\d+")


def contents(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / name).read_bytes())
    return read


def test_versions_are_exact_and_those_of_the_lock_file() -> None:
    wanted = contents("package.json")["dependencies"]
    locked = contents("package-lock.json")["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(EXACT.fullmatch(version) for version in wanted.values())


def test_the_lock_file_has_digests_and_no_addresses_of_downloads() -> None:
    root, *packages = contents("package-lock.json")["packages"].values()
    assert root["dependencies"] == contents("package.json")["dependencies"]
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not any("resolved" in package for package in packages)


@needs_npm
def test_the_installed_programs_are_those_of_the_lock_file() -> None:
    printed = subprocess.run([npm_program("tsc"), "--version"], capture_output=True, check=True, encoding="utf-8")
    assert printed.stdout.split()[-1] == contents("package.json")["dependencies"]["typescript"]
