"""Runs schemathesis against a server with all its checks, as its users do."""

import os
import subprocess
import sys
from pathlib import Path

TIMEOUT = 300.0
EXAMPLES = 5


def schemathesis(url: str, folder: Path, *options: str, hooks: Path | None = None) -> str:
    """Returns the output of schemathesis, which writes its own files to `folder`. Fails if it finds a fault."""
    hook_variables = {} if hooks is None else {"SCHEMATHESIS_HOOKS": hooks.stem, "PYTHONPATH": str(hooks.parent)}
    checks = ["--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color", *options]
    found = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", *checks],
        cwd=folder,
        env={**os.environ, **hook_variables, "NO_PROXY": "*"},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=TIMEOUT,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout
