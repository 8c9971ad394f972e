"""Takes the pictures of the documents: pages over a made-up history that ends now, in English and light colours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.page import Place, place, window
from tests import browser as web
from tests.journeys.history import write_history
from tests.journeys.server import serving

PICTURES = Path(__file__).parents[1] / "docs" / "img"
PAGES = {
    "overview": ("", "model-stats"),
    "usage": ("usage?range=7d", "heat-map"),
    "requests": ("requests?range=7d", "requests"),
    "settings": ("settings", "server-settings"),
}
"""Address of each page, and what is there when it is whole."""


def take(where: Place, into: Path) -> None:
    """Serve the history, let each page settle, and keep what is on the screen."""
    with serving(where.environment) as server, web.chromium() as browser, window(browser, where) as context:
        server.wait_until_read()
        page = context.new_page()
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        for name, (path, last) in PAGES.items():
            page.goto(f"{server.address}/{path}")
            page.get_by_test_id(last).wait_for()
            page.locator("[data-testid=live-state]", has_text="Live").wait_for()
            page.get_by_text(f"ccledger {server.json('version')['version']}").first.wait_for()
            page.evaluate("() => document.fonts.ready")
            page.screenshot(path=into / f"{name}.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the history and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=PICTURES)
    parser.add_argument("--seed", type=int, default=5)
    chosen = parser.parse_args(arguments)
    if missing := web.what_is_missing():
        sys.stderr.write(f"{missing}\n")
        return 1
    with place(hour=17) as where:
        write_history(where.claude, datetime.now(UTC), seed=chosen.seed, days=15, sessions_per_day=34)
        take(where, chosen.into)
    sys.stdout.write(f"{chosen.into}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
