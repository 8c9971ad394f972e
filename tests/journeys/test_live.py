"""What happens on the page while things happen on the disk: first calls, new calls, imports, restarts."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import barriers
from tests.journeys.held import held
from tests.journeys.server import serving
from tests.journeys.visits import NOW, Home, Look

pytestmark = pytest.mark.browser
AN_ANSWER = 12 + 400 + 40_000 + 2_000
"""Tokens of an answer as `Transcript.answer` makes it."""


def test_a_new_line_changes_the_figures(home: Home, look: Look) -> None:
    transcript = home.transcript("s1")
    transcript.answer(NOW - timedelta(minutes=3))
    with serving(home.environment) as server:
        visit = look(server)
        visit.wait_for_tokens(AN_ANSWER)
        visit.wait_until_live()
        transcript.answer(NOW, output=1)
        visit.wait_for_tokens(2 * AN_ANSWER - 399)
        home.transcript("s2").answer(NOW)
        visit.wait_for_tokens(3 * AN_ANSWER - 399)
        visit.page.locator("[data-testid=model-stats] data[value='3']").wait_for()
        assert visit.complaints == []


def test_an_empty_page_fills_with_the_first_transcript(home: Home, look: Look, artifacts: Path) -> None:
    with serving(home.environment) as server:
        visit = look(server)
        visit.page.get_by_text("Nothing recorded yet").wait_for()
        visit.page.get_by_text(str(home.claude)).wait_for()
        visit.page.screenshot(path=artifacts / "empty.png", full_page=True)
        assert barriers(visit.page) == []
        visit.wait_until_live()
        home.transcript("s1").answer(NOW)
        visit.wait_for_tokens(AN_ANSWER)
        assert visit.page.get_by_text("Nothing recorded yet").count() == 0
        assert visit.complaints == []


def test_a_claude_directory_that_appears_later_is_found(home: Home, look: Look) -> None:
    (home.claude / "projects").rmdir()
    home.claude.rmdir()
    with serving(home.environment) as server:
        visit = look(server)
        visit.page.get_by_text("not found").wait_for()
        visit.wait_until_live()
        home.transcript("s1").answer(NOW)
        visit.wait_for_tokens(AN_ANSWER)


def test_a_first_import_shows_how_far_it_is(home: Home, look: Look, artifacts: Path) -> None:
    for number in range(40):
        home.transcript(f"s{number:02}").answer(NOW - timedelta(minutes=number))
    last = home.transcript("z")
    last.answer(NOW)
    with ExitStack() as hold, ExitStack() as stack:
        hold.enter_context(held(last.path))
        visit = look(stack.enter_context(serving(home.environment)))
        band = visit.page.get_by_test_id("import-progress")
        band.get_by_text("40 of 41 files").wait_for()
        visit.page.screenshot(path=artifacts / "importing.png", full_page=True)
        assert barriers(visit.page) == []
        assert 0 < float(band.get_by_role("progressbar").get_attribute("value") or 0) < 1
        hold.close()
        visit.wait_for_tokens(41 * AN_ANSWER)
        assert band.count() == 0
        assert visit.complaints == []


def test_a_restarted_server_is_found_again(home: Home, look: Look) -> None:
    transcript = home.transcript("s1")
    transcript.answer(NOW - timedelta(minutes=3))
    with serving(home.environment) as first:
        visit = look(first)
        visit.wait_for_tokens(AN_ANSWER)
        visit.wait_until_live()
        assert first.stop() == 0
        visit.page.locator("[data-testid=live-state]", has_text="Reconnecting").wait_for()
        assert visit.tokens() == AN_ANSWER, "the last figures stay on the screen"
    transcript.answer(NOW)
    with serving(home.environment, port=first.port):
        visit.wait_until_live()
        visit.wait_for_tokens(2 * AN_ANSWER)


def test_a_model_without_a_price_is_named(home: Home, look: Look, artifacts: Path) -> None:
    transcript = home.transcript("s1")
    transcript.answer(NOW, model="claude-nope-9")
    transcript.answer(NOW)
    with serving(home.environment) as server:
        visit = look(server)
        notice = visit.page.get_by_text("Prices missing for 1 model: cost is a lower bound.")
        notice.wait_for()
        visit.page.get_by_text("claude-nope-9 (1 call, 42.4K Tokens)").wait_for()
        assert visit.page.get_by_test_id("cost-today").inner_text().startswith("≥")
        assert cell(visit.page, "claude-nope-9", 3) == "no price"
        visit.page.screenshot(path=artifacts / "unpriced.png", full_page=True)
        assert barriers(visit.page) == []
        assert visit.complaints == []


def cell(page: Page, model: str, column: int) -> str:
    """The text of a model's row in one column."""
    row = page.get_by_test_id("model-stats").locator("tbody tr").filter(has_text=model)
    return row.locator("td").nth(column).inner_text()
