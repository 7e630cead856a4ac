"""The tables of the page "Behind proxies and servers" are those of the data that the matrix tests."""

import re

import pytest

from tests.matrix.cells import ALL_WAYS
from tests.matrix.exceptions import EXCEPTIONS
from tools.matrix_in_docs import BETWEEN, NO_WAY, TABLES, main, ways

ROW = re.compile(r"^\| .* \|$", re.MULTILINE)


def test_the_page_has_each_table_as_the_data_is() -> None:
    assert main(["--check"]) == 0


def test_a_changed_table_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "matrix: ways", lambda: "| way |\n")
    assert main(["--check"]) == 1


def test_the_table_has_each_way_and_each_reason() -> None:
    _, _, *rows = ROW.findall(ways())
    answers = [cell for row in rows for cell in row.strip("| ").split(" | ")[2:]]
    assert len(answers) - answers.count(NO_WAY) == len(ALL_WAYS)
    assert {row.strip("| ").split(" | ")[0] for row in rows} == set(BETWEEN.values())
    numbers = {int(number) for answer in answers for number in re.findall(r"\((\d+)\)", answer)}
    assert numbers == set(range(1, len(EXCEPTIONS) + 1))
