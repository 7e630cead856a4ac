"""The whole document is valid in both versions, and the responses of the application fit it."""

from typing import Any

import msgspec
import pytest
from openapi_schema_validator import OAS32Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, OpenAPIV32SpecValidator, validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from jero import Endpoint, ServerSentEvent, WiringError
from jero.client.readers import EventReader
from jero.openapi.document import build_document
from jero.openapi.info import Contact, DocumentInfo, License, Server, Tag
from jero.openapi.serve import document_bytes
from jero.testing import TestClient
from tests.openapi.documents import INFO, document, operations
from tests.openapi.film_archive import app, app_of_3_1

VERSIONS = {"3.2.0": (app, OpenAPIV32SpecValidator), "3.1.0": (app_of_3_1, OpenAPIV31SpecValidator)}
ALL = DocumentInfo(
    title="Films",
    version="1.2.3",
    summary="An archive",
    description="Of *films*.",
    terms_of_service="https://example.com/terms",
    contact=Contact(name="The archivist", url="https://example.com", email="archivist@example.com"),
    license=License(name="MIT", identifier="MIT"),
    servers=["https://films.example.com", Server(url="/v2", description="The next")],
    tags=[Tag(name="films", description="All of *them*."), Tag(name="tapes")],
)


class PlainEndpoint(Endpoint, path="/plain"):
    async def get(self) -> int:
        return 1


def archive(openapi_version: str = "3.2.0") -> dict[str, Any]:
    with TestClient(VERSIONS[openapi_version][0]) as client:
        written: dict[str, Any] = client.get("/openapi.json").json()
    return written


@pytest.mark.parametrize("openapi_version", VERSIONS)
def test_the_document_is_valid(openapi_version: str) -> None:
    written = archive(openapi_version)
    assert written["openapi"] == openapi_version
    assert len(written["paths"]) == 21
    validate(written, cls=VERSIONS[openapi_version][1])


@pytest.mark.parametrize("openapi_version", VERSIONS)
def test_the_head_is_valid(openapi_version: str) -> None:
    validate(document(PlainEndpoint(), info=ALL, openapi_version=openapi_version), cls=VERSIONS[openapi_version][1])


def test_the_validators_find_a_fault() -> None:
    written = archive()
    del written["paths"]["/films/{film_id}"]["get"]["parameters"]
    with pytest.raises(OpenAPIValidationError, match="film_id"):
        validate(written, cls=OpenAPIV32SpecValidator)


def test_version_3_1_has_no_item_schema() -> None:
    assert "itemSchema" in str(archive("3.2.0"))
    assert "itemSchema" not in str(archive("3.1.0"))


def test_the_head_contains_what_is_given() -> None:
    written = document(PlainEndpoint(), info=ALL)
    assert written["info"] == {
        "title": "Films",
        "summary": "An archive",
        "description": "Of *films*.",
        "termsOfService": "https://example.com/terms",
        "contact": {"name": "The archivist", "url": "https://example.com", "email": "archivist@example.com"},
        "license": {"name": "MIT", "identifier": "MIT"},
        "version": "1.2.3",
    }
    assert written["servers"] == [{"url": "https://films.example.com"}, {"url": "/v2", "description": "The next"}]
    assert written["tags"] == [{"name": "films", "description": "All of *them*."}, {"name": "tapes"}]


def test_the_head_omits_what_is_not_given() -> None:
    written = document(PlainEndpoint())
    assert written.keys() == {"openapi", "info", "servers", "security", "paths"}
    assert (written["servers"], written["security"]) == ([{"url": "/"}], [])  # what OpenAPI takes absent ones for
    assert document(PlainEndpoint())["info"] == {"title": "Films", "version": "1.2.3"}


def test_an_application_without_endpoints_has_no_paths() -> None:
    assert document()["paths"] == {}


@pytest.mark.parametrize("openapi_version", ["3.0.3", "3.2", "4"])
def test_an_unsupported_version_is_refused(openapi_version: str) -> None:
    expected = f"^_include_openapi: openapi_version='{openapi_version}' is not supported. Write '3.2.0' or '3.1.0'.$"
    with pytest.raises(WiringError, match=expected):
        build_document([], INFO, openapi_version)


def test_servers_that_are_a_string_are_refused() -> None:
    with pytest.raises(WiringError, match=r"^_include_openapi: servers is '/v2', a string\. List them"):
        build_document([], msgspec.structs.replace(INFO, servers="/v2"))


def test_the_document_is_the_same_each_time() -> None:
    assert document_bytes(operations(PlainEndpoint()), ALL) == document_bytes(operations(PlainEndpoint()), ALL)


def fits(written: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    return bool(OAS32Validator({**schema, "components": written["components"]}).is_valid(value))


def described(written: dict[str, Any], path: str, media_type: str) -> dict[str, Any]:
    content: dict[str, Any] = written["paths"][path]["get"]["responses"]["200"]["content"][media_type]
    return content


@pytest.mark.parametrize("url", ["/films", "/films/7", "/projections"])
def test_a_json_body_fits_its_schema(url: str) -> None:
    written = archive()
    with TestClient(app) as client:
        sent = client.get(url, headers={"Accept": "application/json"}).json()
    schema = described(written, url.replace("7", "{film_id}"), "application/json")["schema"]
    assert fits(written, schema, sent)
    assert not fits(written, schema, [*sent, 0] if isinstance(sent, list) else {})


@pytest.mark.parametrize("media_type", ["application/x-ndjson", "application/jsonl"])
def test_each_line_fits_the_schema_of_an_item(media_type: str) -> None:
    written = archive()
    with TestClient(app) as client:
        lines = client.get("/projections", headers={"Accept": media_type}).text.splitlines()
    schema = described(written, "/projections", media_type)["itemSchema"]
    assert len(lines) == 4
    assert all(fits(written, schema, msgspec.json.decode(line)) for line in lines)
    assert not fits(written, schema, {})


def event_object(event: ServerSentEvent[str]) -> dict[str, Any]:
    """Returns the event as an object of its fields, as the specification defines it."""
    return {name: value for name in ("data", "event", "id", "retry") if (value := getattr(event, name)) is not None}


@pytest.mark.parametrize("path", ["/projections", "/events"])
def test_each_event_and_its_data_fit_their_schemas(path: str) -> None:
    written = archive()
    with TestClient(app) as client:
        response = client.get(path, headers={"Accept": "text/event-stream"})
    schema = described(written, path, "text/event-stream")["itemSchema"]
    events = [event_object(event) for event in EventReader(str).feed(response.content)]
    assert len(events) >= 2
    for event in events:
        assert fits(written, schema, event)
        data = schema["properties"]["data"]
        assert fits(written, data["contentSchema"], msgspec.json.decode(event["data"]))
    assert not fits(written, schema, {"event": "no data"})
