"""Watches what Chromium's pages do, and opens no page that is not watched."""

import re
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Request,
    Response,
    ViewportSize,
    WebError,
)

Scheme = Literal["light", "dark"]

# Reports the violations of a page's policy that Chromium notices.
REPORT_VIOLATIONS = """
    document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`the policy: ${event.violatedDirective} blocks ${event.blockedURI}`);
    });
"""
# The start of Chromium's message for a failed request. It has one for an icon, too, which playwright does not show.
RESOURCE_WORDS = "Failed to load resource: "
# The page has ended the request itself: it was closed, or its reader has stopped it.
ENDED_BY_THE_PAGE = "net::ERR_ABORTED"
# The server has cut the response.
CUT = "net::ERR_INCOMPLETE_CHUNKED_ENCODING"


class Watch:
    """Collects the faults of pages.

    They are messages and errors of the console, violations of a page's policy, failed requests, and requests to another
    machine.
    """

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._failed: set[str] = set()
        self._resources: list[tuple[str, str]] = []
        self._allowed: list[str] = []

    def attach(self, context: BrowserContext) -> None:
        """Watches the pages of this context."""
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("request", self._on_request)
        context.on("response", self._on_response)
        context.on("requestfailed", self._on_failure)

    def allow(self, *patterns: str) -> None:
        """Expects failed requests that match one of these patterns, such as `404 GET /movies`, during this test.

        A request that got no response, or a part of one, has Chromium's word for a status, such as
        `net::ERR_CONNECTION_REFUSED`.
        """
        self._allowed += patterns

    def faults(self) -> list[str]:
        """Returns the faults up to now, except those that are allowed."""
        unseen = [f"{text} {url}" for url, text in self._resources if url not in self._failed]
        return [
            fault
            for fault in [*self._seen, *unseen]
            if not any(re.fullmatch(pattern, fault) for pattern in self._allowed)
        ]

    def forget(self) -> None:
        """Drops the faults up to now: the test has caused them."""
        self._seen.clear()
        self._resources.clear()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if message.text.startswith(RESOURCE_WORDS):
            self._resources.append((message.location["url"], message.text))
        else:
            self._seen.append(f"console: {message.text}")

    def _on_error(self, error: WebError) -> None:
        self._seen.append(f"uncaught: {error.error}")

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self._seen.append(f"request to another machine: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self._fail(str(response.status), response.request)

    def _on_failure(self, request: Request) -> None:
        if request.failure != ENDED_BY_THE_PAGE:
            self._fail(str(request.failure), request)

    def _fail(self, status: str, request: Request) -> None:
        self._failed.add(request.url)
        self._seen.append(f"{status} {request.method} {urlsplit(request.url).path}")


class Chromium:
    """Opens contexts of a browser. `watch` watches all their pages."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.watch = Watch()

    def new_context(
        self, *, color_scheme: Scheme | None = None, viewport: ViewportSize | None = None
    ) -> BrowserContext:
        """Returns a new context, which is closed at the end of a `with` block."""
        context = self._browser.new_context(color_scheme=color_scheme, viewport=viewport)
        self.watch.attach(context)
        return context
