"""Without python-multipart, an application that takes a form does not start, and every other one does."""

import subprocess
import sys

import pytest

from jero import Endpoint
from jero.binding.binder import Binder
from jero.contract.operation import read_operations
from tests.forms.bodies import Everything

SCRIPT = """
import asyncio, sys
sys.modules["python_multipart"] = None
from msgspec import Struct
from jero import Endpoint
from tests.application import Application
class Text(Struct):
    text: str
class Plain(Endpoint, path="/plain"):
    async def post(self, json: Text) -> Text: ...
class Form(Endpoint, path="/form"):
    async def post(self, form: Text) -> Text: ...
async def main(*endpoints):
    async with Application(*endpoints).lifespan():
        print("started")
asyncio.run(main(Plain()))
asyncio.run(main(Plain(), Form()))
"""


def test_a_missing_extra_is_named_at_startup() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["started"]
    assert done.stderr.splitlines()[-1] == (
        "jero.errors.WiringError: Form.post: forms are read by python-multipart, which is not installed. "
        'Install it: pip install "jero-asgi[forms]".'
    )


class Texts(Endpoint, path="/"):
    async def post(self, form: Everything) -> str:
        return form.text


def test_another_module_that_is_missing_is_not_blamed_on_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    [operation] = read_operations(Texts(), None, has_enc_hook=False)
    monkeypatch.delitem(sys.modules, "jero.binding.form", raising=False)
    monkeypatch.setitem(sys.modules, "asyncio", None)
    with pytest.raises(ModuleNotFoundError, match="asyncio"):
        Binder(operation)
