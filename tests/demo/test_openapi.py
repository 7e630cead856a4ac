"""Tests the demo's OpenAPI document."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, OpenAPIV32SpecValidator, validate

from demo_app.app import App
from demo_app.offline.service import offline_service
from demo_app.settings import Settings
from jero.testing import TestClient
from tests.demo.running import variables_of
from tests.demo.test_command import started_demo
from tests.openapi.conformance import schemathesis

VALIDATORS = {"3.2.0": OpenAPIV32SpecValidator, "3.1.0": OpenAPIV31SpecValidator}
# docs/demo.md explains them.
OPTIONS = (
    *("--request-timeout", "1"),
    *("--phases", "examples,coverage,fuzzing"),
    *("--exclude-checks", "positive_data_acceptance"),
)


def document(openapi_version: str = "3.2.0") -> dict[str, Any]:
    with TestClient(App(Settings(openapi_version=openapi_version)), base_url="http://localhost") as client:
        written: dict[str, Any] = client.get("/openapi.json").json()
    return written


@pytest.mark.parametrize("openapi_version", VALIDATORS)
def test_the_document_is_valid(openapi_version: str) -> None:
    written = document(openapi_version)
    assert written["openapi"] == openapi_version
    validate(written, cls=VALIDATORS[openapi_version])


def test_every_operation_has_a_summary_and_a_tag() -> None:
    written = document()
    described = {tag["name"] for tag in written["tags"]}
    operations = {
        (method, path): operation for path, item in written["paths"].items() for method, operation in item.items()
    }
    assert operations.keys() == {
        ("post", "/v1/chat/completions"),
        ("get", "/v1/models"),
        ("get", "/"),
        ("get", "/page/{name}"),
        ("post", "/questions"),
        ("get", "/questions/{run_id}"),
        ("delete", "/questions/{run_id}"),
        ("get", "/notifications"),
        ("post", "/notifications"),
        ("get", "/health"),
        ("get", "/metrics"),
    }
    for operation in operations.values():
        assert operation["summary"].endswith(".")
        assert set(operation["tags"]) <= described


def test_failures_of_the_model_are_listed() -> None:
    responses = document()["paths"]["/questions"]["post"]["responses"]
    assert {"401", "429", "502", "503", "504"} <= responses.keys()


@pytest.mark.parametrize(
    ("method", "status", "problem"), [("get", "400", "bad-request"), ("post", "503", "channel-unavailable")]
)
def test_errors_of_the_notifications_are_listed(method: str, status: str, problem: str) -> None:
    response = document()["paths"]["/notifications"][method]["responses"][status]
    assert problem in response["content"]["application/problem+json"]["examples"]


async def test_schemathesis_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo_app.offline.service.PAUSE", 0)
    async with offline_service() as service, started_demo(**variables_of(service)) as demo:
        printed = await asyncio.to_thread(schemathesis, demo.url, tmp_path, *OPTIONS)

    assert "Open API 3.2.0" in printed
    assert "Tested: 11" in printed


def test_the_page_shows_the_options_of_schemathesis() -> None:
    page = (Path(__file__).parents[2] / "docs" / "demo.md").read_text("utf-8")
    (command,) = re.findall(r"^\$ schemathesis run \S+ --checks all (.*)$", page, re.MULTILINE)
    assert shlex.split(command) == list(OPTIONS)


async def test_the_environment_selects_an_older_version() -> None:
    async with started_demo(JERO_DEMO_OPENAPI="3.1.0") as demo, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{demo.url}/openapi.json")).json()["openapi"] == "3.1.0"
