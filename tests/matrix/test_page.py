"""The tables of the page "Behind proxies and servers" are those of the data that the matrix tests."""

import re

import pytest

from tests.matrix.cells import ALL_WAYS
from tests.matrix.exceptions import EXCEPTIONS
from tools.matrix_in_docs import BETWEEN, COMMAND, NO_WAY, PAGE, TABLES, main, with_present_tables

ROW = re.compile(r"^\| .* \|$", re.MULTILINE)


def test_the_page_has_each_table_as_the_data_is() -> None:
    page = PAGE.read_text("utf-8")
    assert with_present_tables(page) == page, f"docs/proxies.md differs from its data. Run: {COMMAND}"
    assert re.findall(r"^<!-- matrix: (\w+) -->$", page, re.MULTILINE) == ["proxies", "ways", "reasons"]


def test_a_changed_table_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    monkeypatch.setitem(TABLES, "ways", lambda: "| way |\n")
    assert main(["--check"]) == 1
    assert capsys.readouterr().out == f"docs/proxies.md differs from its data. Run: {COMMAND}\n"


def test_the_table_has_each_way_and_each_reason() -> None:
    _, _, *rows = ROW.findall(TABLES["ways"]())
    answers = [cell for row in rows for cell in row.strip("| ").split(" | ")[2:]]
    assert len(answers) - answers.count(NO_WAY) == len(ALL_WAYS)
    assert {row.strip("| ").split(" | ")[0] for row in rows} == set(BETWEEN.values())
    numbers = {int(number) for answer in answers for number in re.findall(r"\((\d+)\)", answer)}
    assert numbers == set(range(1, len(EXCEPTIONS) + 1))
