"""Debian's Chromium without a window, and the page in it as tests use it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE = (1360, 860)
LIMIT_MS = 20_000.0

Scheme = Literal["light", "dark"]


@contextmanager
def browser() -> Iterator[Browser]:
    """Raises: RuntimeError: there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise RuntimeError("the dashboard's tests need Chromium; run: scripts/setup dev, or apt-get install chromium")
    # Chromium's sandbox refuses root, who runs the tests where they are alone on a machine.
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=arguments)
        yield launched
        launched.close()


class Visit:
    """One visitor's page, with what it complained of and what it asked for."""

    def __init__(self, page: Page, server: str) -> None:
        self.page = page
        self.server = server
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(LIMIT_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, view: str = "/") -> Page:
        """Show a view, by what stands behind `#`."""
        self.page.goto(f"{self.server}/#{view}")
        return self.page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@contextmanager
def visiting(
    browser: Browser, server: str, *, scheme: Scheme = "light", size: tuple[int, int] = WIDE
) -> Iterator[Visit]:
    """A visitor with nothing stored. Fails where the page complained, or asked anybody but its own server."""
    width, height = size
    with browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        permissions=["clipboard-read", "clipboard-write"],
    ) as context:
        visit = Visit(context.new_page(), server)
        yield visit
        assert visit.complaints == []
        assert [url for url in visit.asked if not url.startswith((server, f"blob:{server}"))] == []
