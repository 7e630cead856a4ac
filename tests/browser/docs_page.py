"""Controls the documentation page as a reader does, and reads what it shows."""

from urllib.parse import quote, urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, WebError, expect

# Collects the violations of the page's policy that Chromium reports.
COLLECT_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.violatedDirective} blocks ${event.blockedURI}`);
    });
"""
# The start of Chromium's message for an error response or a cut one. Tests ask the server for both.
RESPONSE_WORDS = "Failed to load resource: "


class Watch:
    """Collects faults of a page: errors, violations of its policy, and requests to other hosts."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self._context = context
        self._host = urlsplit(url).netloc
        self._seen: list[str] = []
        context.add_init_script(COLLECT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("request", self._on_request)

    def faults(self) -> list[str]:
        violations = [page.evaluate("window.violations") for page in self._context.pages]
        return [*self._seen, *(str(violation) for page in violations for violation in page)]

    def forget(self) -> None:
        """Drops the faults up to now: the test has caused them."""
        self._seen.clear()

    def _on_console(self, message: ConsoleMessage) -> None:
        is_response = message.text.startswith(RESPONSE_WORDS) and "/docs" not in message.location["url"]
        if message.type in {"error", "warning"} and not is_response:
            self._seen.append(f"console: {message.text}")

    def _on_error(self, error: WebError) -> None:
        self._seen.append(f"uncaught: {error.error}")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != self._host:
            self._seen.append(f"request to another host: {request.url}")


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
