"""Updates the pages of the documentation that differ from the code and the data that they show.

A part of a page stands between two comments, which the readers of the page do not see: `<!-- NAME -->` and
`<!-- end of NAME -->`.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def with_parts(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Returns the text of `page` with each part as its function returns it. The keys of `parts` are their names.

    Raises `LookupError` unless the page has the comments of each part once.
    """
    for name, part in parts.items():
        marked = rf"(?ms)(?<=^<!-- {re.escape(name)} -->\n).*?(?=^<!-- end of {re.escape(name)} -->$)"
        around = re.split(marked, page)
        if len(around) != 2:
            raise LookupError(f"the comments around the part {name} are there {len(around) - 1} times, not once")
        # The blank lines end the comments: without them the first line would be part of the comment's block.
        page = f"\n{part()}\n".join(around)
    return page


def run(
    arguments: list[str], command: str, pages: Iterable[str], present: Callable[[str], str], root: Path = ROOT
) -> int:
    """Runs a command that writes `pages`, which are paths below `root`. Returns its exit status.

    `present` returns the text that a page should have. With `--check` no page is written, and the status is 1 if a page
    has another text.
    """
    parser = argparse.ArgumentParser(prog=command, description="Updates pages from what they show.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page would change")
    is_check: bool = parser.parse_args(arguments).check
    status = 0
    for page in pages:
        text = (root / page).read_text("utf-8")
        present_text = present(text)
        if present_text == text:
            continue
        if is_check:
            status = 1
            print(f"{page} differs from what it shows. Run: {command}")
        else:
            (root / page).write_text(present_text, "utf-8")
            print(f"{page} is written")
    return status
