"""Who goes on the journeys: a home with a history of one's own, and a page that is looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page

from tests.engine import settings_for
from tests.journeys.history import Transcript, zone_where

NOW = datetime.now(UTC)
ZONE = zone_where(NOW)
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
            **settings_for(self.folder / "data"),
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
