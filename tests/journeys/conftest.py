"""Fixtures of the journeys: one browser, one server with a history, pages that keep what they complained about."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser import WIDTHS, chromium, complaints_of, what_is_missing
from tests.journeys.gateway import Gateway
from tests.journeys.history import write_history
from tests.journeys.server import Server, serving
from tests.journeys.visits import ARTIFACTS, NOW, ZONE, Home, Look, Visit


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    missing = what_is_missing()
    if missing and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """A server over a history of three days with sessions that still run."""
    home = Home(tmp_path_factory.mktemp("busy"))
    write_history(home.claude, NOW, seed=7, days=3, sessions_per_day=8)
    with serving(home.environment) as server:
        server.wait_until_read()
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    return Home(tmp_path)


@pytest.fixture
def look(browser: Browser) -> Generator[Look]:
    """Opens the dashboard in a window of its own; keyword arguments choose what is shown and how."""
    contexts: list[BrowserContext] = []

    def open_page(
        server: Server,
        *,
        path: str = "",
        locale: str = "en-GB",
        theme: str = "light",
        width: int = 1440,
        gateway: Gateway | None = None,
    ) -> Visit:
        context = browser.new_context(
            locale=locale,
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": width, "height": WIDTHS[width]},
            timezone_id=ZONE,
            reduced_motion="reduce",
        )
        contexts.append(context)
        if gateway:
            gateway.answer_in(context)
        page = context.new_page()
        visit = Visit(page, complaints_of(page))
        page.goto(f"{server.address}/{path}")
        return visit

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
