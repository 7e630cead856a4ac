"""The film archive does what its document says; schemathesis tries to show that it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.program import Program

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
EXAMPLES = 5
PATIENCE = 300.0


@pytest.mark.parametrize(("app", "openapi_version"), [("app", "3.2.0"), ("app_of_3_1", "3.1.0")])
def test_it_finds_nothing(app: str, openapi_version: str, tmp_path: Path) -> None:
    server_command = ["-m", "uvicorn", f"tests.openapi.film_archive:{app}", "--port", "0", "--log-level", "info"]
    with Program([sys.executable, *server_command]) as server:
        url = server.line_with("Uvicorn running on ").split()[4]
        checks = ["--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"]
        found = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", *checks],
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": str(HOOKS.parent), "NO_PROXY": "*"},
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=PATIENCE,
        )
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"Open API {openapi_version}" in found.stdout
    assert "Tested: 21" in found.stdout
