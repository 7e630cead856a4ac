"""schemathesis finds no difference between the film archive and its document."""

import sys
from pathlib import Path

import pytest

from tests.docs.program import Program
from tests.openapi.conformance import schemathesis

# All values of a form are texts. schemathesis sends an object as its JSON, and expects that no text has that form.
FORMS = "/posters"
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")


@pytest.mark.parametrize(("app", "openapi_version"), [("app", "3.2.0"), ("app_of_3_1", "3.1.0")])
def test_schemathesis_finds_no_fault(app: str, openapi_version: str, tmp_path: Path) -> None:
    server_command = ["-m", "uvicorn", f"tests.openapi.film_archive:{app}", "--port", "0", "--log-level", "info"]
    with Program([sys.executable, *server_command]) as server:
        url = server.line_with("Uvicorn running on ").split()[4]
        printed = schemathesis(url, tmp_path, "--exclude-path", FORMS, hooks=HOOKS)
    assert f"Open API {openapi_version}" in printed
    assert "Tested: 31" in printed
