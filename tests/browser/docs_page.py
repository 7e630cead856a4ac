"""Controls the documentation page as a reader does, and reads what it shows."""

from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

from tests.browser.watch import Watch


class DocsPage:
    """The page at `address`, shown by Chromium."""

    def __init__(self, page: Page, address: str, watch: Watch) -> None:
        self.page = page
        self.watch = watch
        self.address = address

    def open(self, operation: str = "", *, heading: str | None = None) -> None:
        """Opens an operation by its address, such as `get/movies/{movie_id}`, or the overview."""
        self.page.goto(f"{self.address}#{quote(operation)}")
        self.heading(heading or operation.partition("/")[1] + operation.partition("/")[2])

    def heading(self, text: str) -> None:
        """Waits until the page's heading contains `text`."""
        expect(self.page.locator("main h1")).to_contain_text(text)

    def start(self) -> None:
        self.page.locator("button.primary").click()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, name: str) -> Locator:
        return self.page.get_by_label(name)

    @property
    def rows(self) -> Locator:
        """Returns the listed items."""
        return self.page.locator(".rows li.item")

    @property
    def status(self) -> Locator:
        """Returns the line that shows the stream's state or its end."""
        return self.page.locator(".end")

    @property
    def answer(self) -> Locator:
        return self.page.get_by_role("region", name="Response")

    def figure(self, name: str) -> str:
        """Returns a figure of the stream as shown: `items`, `received`, `elapsed` or `longest gap`."""
        return self.page.locator(f'[data-figure="{name} value"]').inner_text()

    def count(self) -> int:
        """Returns the number of received items that the page shows."""
        return int(self.figure("items").replace(",", ""))

    def ended(self, *words: str) -> None:
        """Waits until the status contains all of these words."""
        for text in words:
            expect(self.status).to_contain_text(text)

    def data(self) -> list[str]:
        """Returns the data of the listed items, without their tags."""
        texts: list[str] = self.rows.locator(".data").evaluate_all("cells => cells.map(cell => cell.lastChild.data)")
        return texts
