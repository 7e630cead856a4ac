from pathlib import Path

from demo_app.offline.documentation import PASSAGE_CHARACTERS, Passage, read_documentation, split_page

PAGE = """\
Before any heading.

# Streams {#streams}
A stream is closed
once.

```python
# no heading

x = 1
```
## Errors
<!-- docs/examples/errors.py Refused -->
```python
class Refused(Exception): ...
```

<!-- benchmarks/published.md -->

| W1 | 0.34 |

<!-- end of benchmarks/published.md -->
"""


def test_a_page_is_split_at_its_headings_and_fenced_blocks_stay_whole() -> None:
    assert list(split_page("docs/page.md", PAGE)) == [
        Passage("docs/page.md", "docs/page.md", "Before any heading."),
        Passage("docs/page.md", "Streams", "A stream is closed\nonce.\n\n```python\n# no heading\n\nx = 1\n```"),
        Passage("docs/page.md", "Errors", "(see docs/examples/errors.py)\n\n(see benchmarks/published.md)"),
    ]


def test_a_long_section_is_cut_between_paragraphs() -> None:
    paragraphs = [letter * (PASSAGE_CHARACTERS // 2) for letter in "abc"]
    passages = list(split_page("p", "\n\n".join(paragraphs)))

    assert [passage.text for passage in passages] == ["\n\n".join(paragraphs[:2]), paragraphs[2]]


def test_the_readme_and_all_pages_are_read(tmp_path: Path) -> None:
    (tmp_path / "docs" / "guide").mkdir(parents=True)
    (tmp_path / "README.md").write_text("one", "utf-8")
    (tmp_path / "docs" / "guide" / "two.md").write_text("two", "utf-8")
    (tmp_path / "docs" / "reference").mkdir()
    (tmp_path / "docs" / "reference" / "names.md").write_text("::: jero.BaseApp", "utf-8")
    (tmp_path / "docs" / "changelog.md").write_text("Added", "utf-8")

    assert [(passage.page, passage.text) for passage in read_documentation(tmp_path)] == [
        ("README.md", "one"),
        ("docs/guide/two.md", "two"),
    ]


def test_a_folder_without_documentation_has_no_passages(tmp_path: Path) -> None:
    assert read_documentation(tmp_path) == []


def test_the_documentation_of_this_checkout_is_found() -> None:
    assert "docs/index.md" in {passage.page for passage in read_documentation()}
