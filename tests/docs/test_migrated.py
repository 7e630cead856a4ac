"""Serves the example, and the same service as the page shows it in other frameworks, and compares what they send."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from httpx_sse import connect_sse

from tests.docs.example import Example
from tests.docs.program import ROOT, Program

PAGE = (ROOT / "docs/migrating.md").read_text("utf-8")
SNIPPETS = dict(re.findall(r"^## From ([\w-]+)\n\n```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
PACKAGES = {"FastAPI": "fastapi", "sse-starlette": "sse_starlette", "Litestar": "litestar", "Django": "django"}
# Makes an application of Django's views.
BEFORE = {
    "Django": "import django\nfrom django.conf import settings\n"
    "settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'])\ndjango.setup()\n"
}
AFTER = {"Django": "from django.core.asgi import get_asgi_application\napp = get_asgi_application()\n"}
ORDERS = [{"number": number, "cents": number * 100} for number in (1, 2, 3)]


def check(url: str) -> None:
    """Asserts that both routes of a service send what they should."""
    with httpx.Client(base_url=url, trust_env=False) as client:
        lines = client.get("/orders", params={"limit": 2}).text.splitlines()
        assert [httpx.Response(200, text=line).json() for line in lines] == ORDERS[:2]
        assert len(client.get("/orders").text.splitlines()) == 3
        with connect_sse(client, "GET", "/feed", headers={"Last-Event-ID": "1"}) as source:
            events = [(event.id, event.event, event.json()) for event in source.iter_sse()]
        assert events == [("2", "order", ORDERS[1]), ("3", "order", ORDERS[2])]


def test_the_example_serves_both_routes(example: Example) -> None:
    check(example.url)


def test_the_page_has_a_snippet_of_each_framework() -> None:
    assert SNIPPETS.keys() == PACKAGES.keys()


@pytest.mark.parametrize("framework", [name for name, package in PACKAGES.items() if find_spec(package)])
def test_another_framework_serves_the_same(framework: str, tmp_path: Path) -> None:
    code = BEFORE.get(framework, "") + SNIPPETS[framework] + AFTER.get(framework, "")
    (tmp_path / "snippet.py").write_text(code, "utf-8")
    command = [sys.executable, "-m", "uvicorn", "snippet:app", "--app-dir", str(tmp_path), "--port", "0"]
    with Program(command) as program:
        check(program.line_with("Uvicorn running on ").split()[4])
