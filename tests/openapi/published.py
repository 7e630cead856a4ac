"""The documents that this repository publishes: of the film archive, of the demo, and of the examples."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from demo_app.app import App as Demo
from demo_app.settings import Settings
from jero import BaseApp
from jero.testing import TestClient
from tests.docs.program import ROOT
from tests.openapi.film_archive import FilmArchive

VERSIONS = ("3.2.0", "3.1.0")
EXAMPLES = sorted(
    path.stem for path in (ROOT / "docs" / "examples").glob("*.py") if "_include_openapi(" in path.read_text("utf-8")
)


def document_of(app: BaseApp) -> dict[str, Any]:
    with TestClient(app, base_url="http://localhost") as client:
        written: dict[str, Any] = client.get("/openapi.json").json()
    return written


def example(name: str) -> BaseApp:
    """Returns the application of an example."""
    spec = spec_from_file_location(name, ROOT / "docs" / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    app: BaseApp = module.app
    return app


def published(openapi_version: str) -> dict[str, dict[str, Any]]:
    """Returns the documents by name. Examples have the version that they name."""
    found = {
        "archive": document_of(FilmArchive(openapi_version)),
        "demo": document_of(Demo(Settings(openapi_version=openapi_version))),
        **{name: document_of(example(name)) for name in EXAMPLES},
    }
    return {name: written for name, written in found.items() if written["openapi"] == openapi_version}


def write_documents(folder: Path) -> dict[str, Path]:
    """Writes all documents to files such as `archive-3.1.0.json`. Returns the files by their stems."""
    files: dict[str, Path] = {}
    for openapi_version in VERSIONS:
        for name, written in published(openapi_version).items():
            file = folder / f"{name}-{openapi_version}.json"
            file.write_text(json.dumps(written, indent=1), "utf-8")
            files[file.stem] = file
    return files
