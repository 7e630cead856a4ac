"""Checks the accessibility of pages with axe-core, and makes pictures of them.

If the environment sets `JERO_TESTS_SCREENSHOTS`, each checked view of a page is kept in that folder, to be looked at.
"""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.watch import Scheme
from tests.npm.programs import FOLDER, needs_npm
from tests.programs import needs_program

needs_axe: list[pytest.MarkDecorator] = [needs_npm, needs_program("chromium")]
"""Marks a test module that runs axe-core, which is a package of `tests/npm/package.json`."""

SIZES = {"wide": (1280, 800), "narrow": (360, 740)}
# The rules of WCAG and of good practice: all but the experimental ones. Only the contrast depends on the scheme.
OPTIONS: dict[Scheme, dict[str, object]] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
RUN = """
    async (options) => {
        const { violations } = await axe.run(document, { resultTypes: ["violations"], ...options });
        return violations.map(({ id, impact, nodes }) => `${impact} ${id} ${nodes.map((node) => node.target)}`);
    }
"""


def faults_in_each_view(page: Page, name: str) -> list[str]:
    """Returns what axe-core finds in the page as it is: light and dark, wide and narrow."""
    page.evaluate((FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    return [f"{view} {fault}" for scheme, view in views(page, name) for fault in page.evaluate(RUN, OPTIONS[scheme])]


def views(page: Page, name: str) -> Iterator[tuple[Scheme, str]]:
    """Shows the page in each scheme and size. Yields the scheme, and the name of the view."""
    for scheme, (size, (width, height)) in product(OPTIONS, SIZES.items()):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": height})
        view = f"{name}-{scheme}-{size}"
        if folder := os.environ.get("JERO_TESTS_SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{view}.png", full_page=True)
        yield scheme, view
