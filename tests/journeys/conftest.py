"""Fixtures of the journeys: one browser, one server with a history, pages that keep what they complained about."""

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import WIDTHS, chromium, complaints_of, what_is_missing
from tests.journeys.history import Transcript, write_history, zone_at_noon
from tests.journeys.server import Server, serving

NOW = datetime.now(UTC)
ZONE = zone_at_noon(NOW)
ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"


@dataclass(frozen=True)
class Home:
    """A Claude directory and a data directory of one's own."""

    folder: Path

    @property
    def claude(self) -> Path:
        return self.folder / "claude"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "CLAUDE_CONFIG_DIR": str(self.claude),
            "CCLEDGER_DATA_DIR": str(self.folder / "data"),
            "CCLEDGER_TIMEZONE": ZONE,
        }

    def transcript(self, session: str) -> Transcript:
        return Transcript(self.claude, session)


@dataclass
class Visit:
    """A page on the screen, and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list[str])

    def tokens(self) -> int:
        """The exact number behind the largest figure."""
        value = self.page.locator("[data-testid=total-tokens] data").get_attribute("value")
        return int(value or -1)

    def wait_for_tokens(self, expected: int) -> None:
        self.page.locator(f"[data-testid=total-tokens] data[value='{expected}']").wait_for()

    def wait_until_live(self) -> None:
        self.page.locator("[data-testid=live-state]", has_text="Live").wait_for()


Look = Callable[..., Visit]


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
    """Opens the dashboard in a window of its own; keyword arguments choose language, theme and width."""
    contexts = []

    def open_page(server: Server, *, locale: str = "en-GB", theme: str = "light", width: int = 1440) -> Visit:
        context = browser.new_context(
            locale=locale,
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": width, "height": WIDTHS[width]},
            timezone_id=ZONE,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        visit = Visit(page, complaints_of(page))
        page.goto(server.address)
        return visit

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
