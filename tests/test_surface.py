"""`import jero` provides the public names, all documented, and imports no extra."""

import inspect
import json
import subprocess
import sys

import pytest

import jero

NAMES = {
    *("BaseApp", "Endpoint", "operation_notes", "StreamPolicy", "FormPolicy", "OpenStream", "StreamStart"),
    *("Auth", "BearerAuth", "BasicAuth", "APIKeyAuth", "Expiring"),
    *("Framing", "FramedResponse", "NotAcceptable"),
    *("JSONResponse", "TextResponse", "BytesResponse", "Created", "Accepted", "NoContent", "Redirect"),
    *("StreamingResponse", "NDJSONStreamingResponse", "JSONArrayStreamingResponse", "SSEResponse", "ServerSentEvent"),
    *("EventStreamResponse", "Negotiated"),
    *("StreamOutcome", "Cookie", "Request", "ResumeHeaders", "UploadFile"),
    *("JeroError", "WiringError", "StreamFailed", "StreamInterrupted", "HTTPError", "Problem", "Fault"),
    *("BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict", "Gone", "ContentTooLarge"),
    *("UnprocessableContent", "TooManyRequests", "ServiceUnavailable"),
}
EXTRAS = ["httpx", "h11", "jwt", "pytest", "python_multipart", "redis", "uvicorn", "uvloop"]

LOADED_WITH_JERO = "import json, sys, jero, jero.channels, jero.runs; print(json.dumps([*sys.modules]))"


def test_all_lists_the_public_names() -> None:
    assert set(jero.__all__) == NAMES
    assert len(jero.__all__) == len(NAMES)


def test_the_public_names_are_sorted() -> None:
    assert jero.__all__ == sorted(jero.__all__)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_is_documented(name: str) -> None:
    public = getattr(jero, name)
    assert inspect.isclass(public) or inspect.isfunction(public)
    assert public.__name__ == name
    assert public.__doc__ is not None
    assert inspect.isfunction(public) or "__doc__" in vars(public)
    assert (public.__doc__ or "").strip()


def test_every_other_name_is_a_module() -> None:
    found = {name for name in vars(jero) if not name.startswith("_")} - NAMES
    assert all(inspect.ismodule(getattr(jero, name)) for name in found)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_public_methods_are_documented(name: str) -> None:
    public: type[object] = getattr(jero, name)
    methods = {name: member for name, member in vars(public).items() if inspect.isfunction(member)}
    assert not [name for name, method in methods.items() if not name.startswith("_") and not inspect.getdoc(method)]


def test_the_core_imports_no_extra() -> None:
    script = [sys.executable, "-W", "error", "-c", LOADED_WITH_JERO]
    loaded = json.loads(subprocess.run(script, capture_output=True, check=True, text=True).stdout)
    assert "jero.app" in loaded
    assert not set(EXTRAS) & set(loaded)
    assert not [name for name in loaded if name.startswith("jero.testing")]
    assert "jero.binding.form" not in loaded  # it imports tempfile, which takes long
