"""openapi-typescript writes types of the documents, and TypeScript accepts them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.npm.programs import FOLDER, needs_npm, npm_program

pytestmark = needs_npm


def run(program: str, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [npm_program(program), *arguments], cwd=cwd, capture_output=True, check=False, encoding="utf-8", timeout=120
    )


@pytest.fixture(scope="module")
def types(documents: dict[str, Path]) -> Path:
    """Returns the folder with the types of each document, such as `archive-3.1.0.ts`."""
    folder = documents["archive-3.1.0"].parent
    for name, file in documents.items():
        generated = run("openapi-typescript", file.name, "--output", f"{name}.ts", cwd=folder)
        assert generated.returncode == 0, generated.stdout + generated.stderr
    return folder


def test_typescript_accepts_the_types_and_a_client_that_uses_them(types: Path) -> None:
    shutil.copy(FOLDER / "stream_items.ts", types)
    files = sorted(file.name for file in types.glob("*.ts"))
    assert len(files) >= 6
    checked = run("tsc", "--strict", "--noEmit", *files, cwd=types)
    assert (checked.stdout, checked.returncode) == ("", 0)


def test_the_items_of_a_stream_have_their_type_in_version_3_1_alone(types: Path) -> None:
    """openapi-typescript passes over the keyword `itemSchema`."""
    line = '"application/x-ndjson": components["schemas"]["Projection"];'
    assert line in (types / "archive-3.1.0.ts").read_text("utf-8")
    assert line not in (types / "archive-3.2.0.ts").read_text("utf-8")
    assert '"application/x-ndjson": unknown;' in (types / "archive-3.2.0.ts").read_text("utf-8")
