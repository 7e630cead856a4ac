"""openapi-spec-validator takes every document that this repository publishes."""

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, OpenAPIV32SpecValidator, validate

from tests.openapi.published import VERSIONS, published

VALIDATORS: dict[str, Any] = {"3.2.0": OpenAPIV32SpecValidator, "3.1.0": OpenAPIV31SpecValidator}


@pytest.mark.parametrize("openapi_version", VERSIONS)
def test_each_document_is_valid(openapi_version: str) -> None:
    documents = published(openapi_version)
    assert {"archive", "demo"} <= documents.keys()
    for written in documents.values():
        validate(written, cls=VALIDATORS[openapi_version])
