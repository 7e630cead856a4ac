"""Finds the programs and modules of npm that tests run. `npm ci --prefix tests/npm` installs them, and nox calls it."""

from pathlib import Path

from tests.programs import needs_program

FOLDER = Path(__file__).parent
# npm installs all packages of package.json or none.
_INSTALLED = FOLDER / "node_modules" / ".bin" / "tsc"

needs_npm = needs_program("node", str(_INSTALLED))
"""Marks a test, a class or a module that runs node with the packages of `tests/npm/package.json`."""


def npm_program(name: str) -> str:
    """Returns the path of a program that one of the packages contains."""
    return str(_INSTALLED.with_name(name))
