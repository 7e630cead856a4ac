"""Compares the reference pages with the public names, and tests how docstrings become Markdown."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jero
from jero import BaseApp
from tests.docs.program import ROOT
from tools.examples_in_docs import pages
from tools.reference import as_markdown, documented, paths_by_name

# Modules that list no public names, since each has a single purpose.
WITHOUT_A_LIST = {
    "jero.auth.jwt": ["JWTAuth"],
    "jero.openapi.info": ["Contact", "DocumentInfo", "License", "Server", "Tag"],
}
# Methods of `BaseApp` for its own use and for the server. A subclass calls or overrides all others.
INTERNAL = {"__call__", "_become_ready", "_lifespan_without_init", "_reporting_to"}
# jero makes these objects itself.
MADE_BY_JERO = {"EventStream", "Problem", "Request", "RunStream", "StreamCut", "SyncEventStream", "UploadFile"}
WITHOUT_ARGUMENTS = {"AuthorizationHeaders", "Auth", "JeroError", "WiringError"}
# These say what they are: an address, a method, options that are passed on.
PLAIN = {"self", "url", "method", "options", "arguments"}
IMPORT = re.compile(r"^from (jero(?:\.\w+)*) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)


def listed(package: Path) -> list[str]:
    """Returns the names in `__all__`, as the stub has it if there is one."""
    stub = package / "__init__.pyi"
    tree = ast.parse((stub if stub.exists() else package / "__init__.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def public_names(root: Path) -> Iterator[str]:
    """Yields the path of each public name."""
    for package in [root / "jero", *sorted(path.parent for path in (root / "jero").glob("*/__init__.py"))]:
        module = ".".join(package.relative_to(root).parts)
        yield from (f"{module}.{name}" for name in listed(package))
    for module, names in WITHOUT_A_LIST.items():
        yield from (f"{module}.{name}" for name in names)


def found_at(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def missing(names: Iterator[str], on_pages: list[str]) -> list[str]:
    """Returns the names whose object has no place on the pages. `jero.Auth` and `jero.auth.Auth` are one object."""
    shown = [found_at(path) for path in on_pages]
    return [name for name in names if not any(found_at(name) is item for item in shown)]


def test_each_public_name_is_on_a_reference_page() -> None:
    assert missing(public_names(ROOT), documented(ROOT)) == []


def test_a_public_name_without_a_place_is_found() -> None:
    without = [path for path in documented(ROOT) if path not in {"jero.Cookie", "jero.channels.RedisStore"}]
    assert missing(public_names(ROOT), without) == ["jero.Cookie", "jero.channels.RedisStore"]


def test_each_object_is_on_one_page_once() -> None:
    shown = [id(found_at(path)) for path in documented(ROOT)]
    assert len(set(shown)) == len(shown)


def test_a_new_name_of_a_package_is_public(tmp_path: Path) -> None:
    for path, text in {
        "jero/__init__.py": "__all__ = ['New']",
        "jero/extra/__init__.py": "__all__ = ['Other']",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    names = list(public_names(tmp_path))
    assert names[:2] == ["jero.New", "jero.extra.Other"]
    assert set(jero.__all__) <= {name.removeprefix("jero.") for name in public_names(ROOT)}


def test_the_examples_import_what_is_on_a_reference_page() -> None:
    imported = {
        f"{module}.{name.strip()}"
        for example in (ROOT / "docs/examples").glob("*.py")
        for module, in_parentheses, in_line in IMPORT.findall(example.read_text("utf-8"))
        for name in (in_parentheses or in_line).split(",")
        if name.strip()
    }
    assert len(imported) > 50
    assert missing(iter(sorted(imported)), documented(ROOT)) == []


def test_the_page_of_the_application_lists_each_method_that_a_subclass_uses() -> None:
    page = (ROOT / "docs/reference/applications.md").read_text("utf-8")
    shown = page.partition("::: jero.BaseApp\n")[2].partition("\n\n")[0]
    methods = {name for name, member in vars(BaseApp).items() if inspect.isfunction(member) and member.__doc__}
    assert set(re.findall(r"^ +- (\w+)$", shown, re.MULTILINE)) == methods - INTERNAL


def undescribed(described: Any, docstring: str) -> list[str]:
    """Returns the parameters that the docstring does not name."""
    parameters = (
        name
        for name, parameter in inspect.signature(described).parameters.items()
        if name not in PLAIN and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    )
    return [name for name in parameters if not re.search(rf"\b{name}\b", docstring)]


def of_the_class(cls: type) -> str:
    """Returns the docstrings of a class and of its bases. Those of a Struct describe fields of its bases, too."""
    return "\n".join(base.__doc__ or "" for base in cls.__mro__ if base.__module__.startswith("jero"))


def test_the_docstrings_on_the_pages_describe_each_parameter() -> None:
    pages_of_names = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs/reference").glob("*.md"))
    found: dict[str, list[str]] = {}
    for path in documented(ROOT):
        described: Any = found_at(path)
        if inspect.isfunction(described):
            found[path] = undescribed(described, described.__doc__ or "")
        if not inspect.isclass(described):
            continue
        if described.__name__ not in MADE_BY_JERO | WITHOUT_ARGUMENTS:
            found[path] = undescribed(described, of_the_class(described))
        shown = pages_of_names.partition(f"::: {path}\n")[2].partition("\n\n")[0]
        for name in re.findall(r"^ +- (\w+)$", shown, re.MULTILINE):
            member = getattr(described, name)
            if inspect.isfunction(member):
                found[f"{path}.{name}"] = undescribed(member, member.__doc__ or "")
    assert len(found) > 80
    assert {path: names for path, names in found.items() if names} == {}


def test_the_pages_of_the_reference_are_linked_from_its_first() -> None:
    folder = ROOT / "docs/reference"
    linked = set(re.findall(r"\]\((\w+\.md)\)", (folder / "index.md").read_text("utf-8")))
    assert linked == {page.name for page in folder.glob("*.md")} - {"index.md"}
    assert set(folder.glob("*.md")) <= set(pages(ROOT))


def test_a_docstring_becomes_lists_blocks_and_links() -> None:
    docstring = (
        "Sends. See `jero.Cookie`.\n\n    class App(BaseApp):\n\n        name = `x`\n\n"
        "`a`: one, a `Cookie`,\n  two.\n`b`, `c`: three.\nRaises `ValueError` as `Cookie.header` does."
    )
    link = "[`Cookie`][jero.Cookie]"
    assert as_markdown(docstring, {"Cookie": "jero.Cookie"}) == (
        "Sends. See [`jero.Cookie`][jero.Cookie].\n\n```python\nclass App(BaseApp):\n\n    name = `x`\n```\n\n"
        f"-   `a`: one, a {link},\n      two.\n-   `b`, `c`: three.\n\n"
        "Raises `ValueError` as [`Cookie.header`][jero.Cookie] does."
    )


def test_the_links_lead_to_the_name_that_a_user_imports() -> None:
    paths = paths_by_name(ROOT)
    assert paths["StreamPolicy"] == "jero.StreamPolicy"
    assert paths["RequestRefused"] == "jero.client.RequestRefused"
