"""Compares the pages with the files that they show, and tests the command that copies the files into the pages."""

from pathlib import Path

import pytest

from tests.docs.program import ROOT
from tools.examples_in_docs import definition, main, with_present_text

PAGE = """\
# Streams

<!-- docs/examples/head.py -->
```python
old
```

<!-- docs/examples/head.py Download -->
```python
```

<!-- docs/examples/deployment/shop.service -->
```ini
old
```

<!-- benchmarks/published.md -->
<!-- end of benchmarks/published.md -->

```python
print("names no file")
```
"""
HEAD = 'NAME = "\\\\d"\n\n\n@decorated\nclass Download:\n    size = 1\n\n\nasync def last() -> None: ...\n'
PRESENT = """\
# Streams

<!-- docs/examples/head.py -->
```python
NAME = "\\\\d"


@decorated
class Download:
    size = 1


async def last() -> None: ...
```

<!-- docs/examples/head.py Download -->
```python
@decorated
class Download:
    size = 1
```

<!-- docs/examples/deployment/shop.service -->
```ini
[Unit]
```

<!-- benchmarks/published.md -->

| W1 | 0.34 |

<!-- end of benchmarks/published.md -->

```python
print("names no file")
```
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for path, text in {
        "README.md": "# jero\n",
        "docs/streams.md": PAGE,
        "docs/examples/head.py": HEAD,
        "docs/examples/deployment/shop.service": "[Unit]\n",
        "benchmarks/published.md": "| W1 | 0.34 |\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    return tmp_path


def test_the_pages_equal_their_examples() -> None:
    assert main(["--check"]) == 0


def test_the_performance_page_shows_the_published_figures() -> None:
    assert (ROOT / "benchmarks/published.md").read_text("utf-8") in (ROOT / "docs/performance.md").read_text("utf-8")


def test_a_page_gets_the_present_text_of_its_files(checkout: Path) -> None:
    assert main([], checkout) == 0
    assert (checkout / "docs/streams.md").read_text("utf-8") == PRESENT
    assert main(["--check"], checkout) == 0


def test_a_changed_page_and_a_changed_file_are_both_noticed(checkout: Path) -> None:
    page, figures = checkout / "docs/streams.md", checkout / "benchmarks/published.md"
    page.write_text(PRESENT.replace("size = 1\n```", "size = 2\n```"), "utf-8")
    assert main(["--check"], checkout) == 1
    page.write_text(PRESENT, "utf-8")
    assert main(["--check"], checkout) == 0
    figures.write_text("| W1 | 0.33 |\n", "utf-8")
    assert main(["--check"], checkout) == 1


def test_a_missing_file_is_an_error(checkout: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.py"):
        with_present_text("<!-- docs/examples/gone.py -->\n```python\n```\n", checkout)


def test_a_definition_that_is_missing_is_an_error() -> None:
    assert definition(HEAD, "last") == "async def last() -> None: ...\n"
    with pytest.raises(LookupError, match="no class or function Upload"):
        definition(HEAD, "Upload")
