"""A real Chromium for tests and measurements, driven over its debugging port; it never downloads one."""

import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
DASHBOARD = ROOT / "src" / "ccledger" / "_web" / "index.html"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = {390: 844, 1024: 768, 1440: 900}
"""The widths the dashboard is made for, each with a usual height."""


def dresses() -> Sequence[tuple[str, str, int]]:
    """Theme, language and width: six in which every two of them meet; with CCLEDGER_TEST_DRESSES=all, all twelve."""
    everything = list(product(("light", "dark"), ("en", "zh"), WIDTHS))
    if os.environ.get("CCLEDGER_TEST_DRESSES") == "all":
        return everything
    return [
        (theme, language, width)
        for theme, language, width in everything
        if ((theme == "dark") + (language == "zh") + (width == 1024)) % 2 == 0
    ]


def find_chromium() -> str | None:
    """The browser `$CHROMIUM` names, else the first one on PATH."""
    wanted = os.environ.get("CHROMIUM")
    return next((found for name in ([wanted] if wanted else NAMES) if (found := shutil.which(name))), None)


def what_is_missing() -> str | None:
    """What the dashboard can't be looked at without, None when everything is here."""
    if find_chromium() is None:
        return "no Chromium: set $CHROMIUM, or apt-get install chromium"
    if not DASHBOARD.exists():
        return "the dashboard is not built: make web"
    return None if AXE.exists() else "axe-core is not installed: make web"


@contextmanager
def chromium() -> Generator[Browser]:
    """A running browser, ended afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def version() -> str:
    """What the browser calls itself, without the name of who packed it."""
    said = subprocess.run((find_chromium() or "chromium", "--version"), capture_output=True, check=True, text=True)
    return " ".join(said.stdout.split()[:2])


def complaints_of(page: Page) -> list[str]:
    """A list that grows by what the page says on its console and by errors nobody caught."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        said.append(f"{message.type}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: said.append(f"uncaught: {error}"))
    return said


def barriers(page: Page) -> list[str]:
    """What axe-core finds on the page as it is now: rule and elements, one line a violation."""
    # Evaluated over the debugging port: the page's own content security policy lets no foreign script in.
    page.evaluate(AXE.read_text("utf-8"))
    result: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {'; '.join(str(node['html'])[:120] for node in violation['nodes'][:3])}"
        for violation in result["violations"]
    ]


def overhang(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width
