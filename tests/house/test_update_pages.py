"""A page that differs from what it shows is noticed and written."""

from pathlib import Path

import pytest

from tools.update_pages import run, with_parts

STALE = "# Numbers\n\n<!-- one -->\nold\n<!-- end of one -->\n\n<!-- two -->\n<!-- end of two -->\n\nMore.\n"
PRESENT = (
    "# Numbers\n\n<!-- one -->\n\n\\1\n\n<!-- end of one -->\n\n<!-- two -->\n\n2\n\n<!-- end of two -->\n\nMore.\n"
)
PARTS = {"one": lambda: "\\1\n", "two": lambda: "2\n"}


def update(root: Path, *arguments: str) -> int:
    def present(page: str) -> str:
        return with_parts(page, PARTS) if "<!--" in page else page

    return run(list(arguments), "write", ["docs/numbers.md", "README.md"], present, root)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text("# jero\n", "utf-8")
    path = tmp_path / "docs/numbers.md"
    path.parent.mkdir()
    path.write_text(STALE, "utf-8")
    return path


def test_the_command_writes_each_stale_page_once(
    tmp_path: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert update(tmp_path) == 0
    assert page.read_text("utf-8") == PRESENT
    assert update(tmp_path) == 0
    assert capsys.readouterr().out == "docs/numbers.md is written\n"


def test_a_check_writes_nothing_and_fails_if_a_page_differs(
    tmp_path: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert update(tmp_path, "--check") == 1
    assert page.read_text("utf-8") == STALE
    assert capsys.readouterr().out == "docs/numbers.md differs from what it shows. Run: write\n"
    page.write_text(PRESENT, "utf-8")
    assert update(tmp_path, "--check") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["", STALE * 2, STALE.replace("end of two", "end of one")])
def test_a_page_has_the_comments_of_each_part_once(text: str) -> None:
    with pytest.raises(LookupError, match="not once"):
        with_parts(text, PARTS)
