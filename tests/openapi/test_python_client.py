"""openapi-python-client writes clients of the documents, and such a client calls the application."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.browser.serving import served
from tests.openapi.film_archive import FilmArchive
from tests.openapi.film_catalogue import Record, record
from tests.openapi.published import write_documents

REMARK = re.compile(
    r"^WARNING parsing (?P<operation>\w+ \S+) within \w+\.(?P<omitted> Endpoint will not be generated\.)?", re.MULTILINE
)
# The generator reads and writes JSON, text and bytes. It leaves out answers and uploads that are lines of JSON alone.
EXPECTED: dict[str, dict[str, bool]] = {
    "archive": {"GET /lines": False, "POST /projections": True, "POST /catalogue/pages": True},
    "demo": {"POST /questions": False},
}


def generate(document: Path, package: Path) -> str:
    """Generates a package. Returns what the generator printed."""
    config = package.with_suffix(".json")
    config.write_text(json.dumps({"post_hooks": []}), "utf-8")
    options = ["--path", str(document), "--output-path", str(package), "--config", str(config), "--meta", "none"]
    generated = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", *options],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=120,
    )
    assert generated.returncode == 0, generated.stdout + generated.stderr
    return generated.stdout + generated.stderr


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_documents(tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="module")
def package(documents: dict[str, Path]) -> str:
    """Returns the name of a package that calls the archive."""
    folder = documents["archive-3.1.0"].parent
    generate(documents["archive-3.1.0"], folder / "archive_client")
    sys.path.insert(0, str(folder))
    return "archive_client"


@pytest.fixture(scope="module")
def client(package: str) -> Iterator[Any]:
    with (
        served(FilmArchive("3.1.0")) as url,
        import_module(package).Client(base_url=url, httpx_args={"trust_env": False}) as client,
    ):
        yield client


@pytest.mark.parametrize("name", EXPECTED)
def test_nothing_is_left_out_but_lines_of_json(documents: dict[str, Path], tmp_path: Path, name: str) -> None:
    printed = generate(documents[f"{name}-3.1.0"], tmp_path / "generated")
    remarks = {remark["operation"]: remark["omitted"] is not None for remark in REMARK.finditer(printed)}
    assert remarks == EXPECTED[name]
    assert "Unable to" not in printed
    assert printed.count("nsupported content") >= len(remarks)


def test_version_3_2_is_refused_by_the_generator(documents: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"Only OpenAPI versions 3\.1\.\* are supported"):
        generate(documents["archive-3.2.0"], tmp_path / "generated")


def test_each_module_can_be_imported(documents: dict[str, Path], package: str) -> None:
    folder = documents["archive-3.1.0"].parent
    modules = [".".join(file.relative_to(folder).with_suffix("").parts) for file in (folder / package).rglob("*.py")]
    assert len(modules) > 50
    for module in modules:
        import_module(module)


def test_an_answer_becomes_a_model_that_is_sent_unchanged(package: str, client: Any) -> None:
    answer = import_module(f"{package}.api.default.record_get").sync(client=client)
    assert type(answer).__name__ == "Record"
    assert answer.lent_to.kind.value == "teacher"
    assert msgspec.convert(answer.to_dict(), Record) == record()


def test_a_tuple_and_bytes_are_sent(package: str, client: Any) -> None:
    pair = import_module(f"{package}.models").PairFrameTupleintStr(first=[1, 2.5], second=[7, "left"])
    created = import_module(f"{package}.api.default.record_put").sync(client=client, body=pair)
    assert created.to_dict() == {"first": [1, 2.5], "second": [7, "left"]}
    body = import_module(f"{package}.types").File(payload=BytesIO(b"\x00\xff"))
    echo = import_module(f"{package}.api.default.lines_put").sync_detailed(client=client, body=body)
    assert (echo.status_code, echo.content) == (200, b"\x00\xff")


def test_a_form_is_sent_with_its_files(package: str, client: Any) -> None:
    models, types = import_module(f"{package}.models"), import_module(f"{package}.types")
    files = [types.File(payload=BytesIO(bytes(size)), file_name=f"{size}.png") for size in (3, 4, 5)]
    poster = models.Poster(title="M", poster=files[0], stills=files[1:], year=1931)
    sizes = import_module(f"{package}.api.default.posters_post").sync(client=client, body=poster)
    assert sizes.to_dict() == {"poster": 3, "stills": 9}
    reservation = models.Reservation(name="a", seats=2)
    reserved = import_module(f"{package}.api.default.posters_put").sync(client=client, body=reservation)
    assert reserved.to_dict() == {"name": "a", "seats": 2}


def test_a_problem_is_a_model(package: str, client: Any) -> None:
    problem = import_module(f"{package}.api.films.film_get").sync(client=client, film_id=700_000)
    assert (type(problem).__name__, problem.status, problem.title) == ("Problem", 404, "Not found")
