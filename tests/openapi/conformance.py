"""schemathesis, run against a server as its users run it: with all its checks."""

import os
import subprocess
import sys
from pathlib import Path

PATIENCE = 300.0
EXAMPLES = 5


def schemathesis(url: str, folder: Path, *options: str, hooks: Path | None = None) -> str:
    """What it prints when it has found nothing; fails where it has. It writes its own files to `folder`."""
    hooked = {} if hooks is None else {"SCHEMATHESIS_HOOKS": hooks.stem, "PYTHONPATH": str(hooks.parent)}
    checks = ["--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color", *options]
    found = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", *checks],
        cwd=folder,
        env={**os.environ, **hooked, "NO_PROXY": "*"},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout
