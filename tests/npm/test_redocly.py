"""Redocly finds no error in the documents, by the rules that it recommends."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.npm.programs import needs_npm, npm_program

pytestmark = needs_npm

QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
# Remarks that are right. jero refuses no request of an operation without arguments. One example has an example's host,
# and another names no licence.
EXPECTED = {"operation-4xx-response", "no-server-example.com", "info-license"}


def lint(file: Path) -> list[dict[str, Any]]:
    """Returns the problems that Redocly finds. Its exit status is 1 if one of them is an error."""
    linted = subprocess.run(
        [npm_program("redocly"), "lint", "--format=json", "--max-problems=1000", file.name],
        cwd=file.parent,
        env={**os.environ, **QUIET},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=120,
    )
    found: dict[str, Any] = json.loads(linted.stdout)
    assert linted.returncode == (1 if found["totals"]["errors"] else 0), linted.stderr
    problems: list[dict[str, Any]] = found["problems"]
    return problems


def test_there_is_no_error_and_no_unexpected_warning(documents: dict[str, Path]) -> None:
    assert {"archive-3.2.0", "archive-3.1.0", "demo-3.2.0", "demo-3.1.0", "openapi-3.2.0"} <= documents.keys()
    problems = [problem for file in documents.values() for problem in lint(file)]
    assert [problem for problem in problems if problem["severity"] == "error"] == []
    assert {problem["ruleId"] for problem in problems} == EXPECTED


@pytest.mark.parametrize(
    ("keyword", "rule"), [("servers", "no-empty-servers"), ("security", "security-defined"), ("paths", "struct")]
)
def test_a_fault_is_found(documents: dict[str, Path], tmp_path: Path, keyword: str, rule: str) -> None:
    written = json.loads(documents["archive-3.2.0"].read_bytes())
    del written[keyword]
    if keyword == "paths":
        written["paths"] = []
    faulty = tmp_path / "faulty.json"
    faulty.write_text(json.dumps(written), "utf-8")
    assert rule in {problem["ruleId"] for problem in lint(faulty)}
