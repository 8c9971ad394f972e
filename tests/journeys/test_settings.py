"""The Settings page as people meet it: looks, what it tells, and choices that stay in the browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import barriers, dresses, overhang
from tests.journeys.server import Server, serving
from tests.journeys.test_overview import LOCALES, tour
from tests.journeys.visits import NOW, ZONE, Home, Look, Visit

pytestmark = pytest.mark.browser


def visit_settings(look: Look, server: Server, **dress: object) -> Visit:
    visit: Visit = look(server, path="settings", **dress)
    for panel in ("claude-dirs", "prices", "server-settings"):
        visit.page.get_by_test_id(panel).wait_for()
    return visit


@pytest.mark.parametrize(("theme", "language", "width"), dresses())
def test_the_page_is_whole_in_every_dress(
    busy: Server, look: Look, artifacts: Path, theme: str, language: str, width: int
) -> None:
    visit = visit_settings(look, busy, locale=LOCALES[language], theme=theme, width=width)
    visit.page.screenshot(path=artifacts / f"settings-{theme}-{language}-{width}.png", full_page=True)
    assert overhang(visit.page) == 0
    assert barriers(visit.page) == []
    assert visit.complaints == []


def test_it_says_what_holds_and_who_said_so(busy: Server, look: Look) -> None:
    page = visit_settings(look, busy).page
    told = busy.json("settings")
    [root] = told["claude_dirs"]
    expect(page.get_by_test_id("claude-dirs")).to_contain_text(root["path"])
    expect(page.get_by_test_id("claude-dirs")).to_contain_text(f"{root['files']:,}")
    zone = page.get_by_test_id("server-settings").locator("tr", has_text="timezone").first
    expect(zone).to_contain_text(ZONE)
    expect(zone).to_contain_text("CCLEDGER_TIMEZONE")
    expect(page.get_by_test_id("server-settings").locator("tr", has_text="log_level")).to_contain_text("default")


def test_a_choice_of_look_holds_everywhere_and_stays(busy: Server, look: Look) -> None:
    page = visit_settings(look, busy).page
    choose(page, "Large counts", "万, 亿")
    choose(page, "Rows of tables", "Compact")
    choose(page, "Theme", "dark")
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_test_id("total-tokens")).to_contain_text("万")
    page.reload()
    expect(page.get_by_test_id("total-tokens")).to_contain_text("万")
    assert page.evaluate("() => ({...document.documentElement.dataset})") == {"theme": "dark", "density": "compact"}
    page.goto(f"{busy.address}/settings")
    choose(page, "Language", "中文")
    page.get_by_role("heading", name="设置").wait_for()


def choose(page: Page, what: str, choice: str) -> None:
    page.get_by_role("group", name=what).get_by_text(choice, exact=True).click()


def test_a_model_without_a_price_is_named_with_what_to_do(home: Home, look: Look, artifacts: Path) -> None:
    transcript = home.transcript("s1")
    transcript.answer(NOW, model="claude-nope-9")
    with serving(home.environment) as server:
        visit = visit_settings(look, server)
        notice = visit.page.get_by_test_id("unpriced")
        expect(notice).to_contain_text("1 model has calls but no price: claude-nope-9")
        expect(notice).to_contain_text("ccledger price set claude-nope-9")
        visit.page.screenshot(path=artifacts / "settings-unpriced.png", full_page=True)
        assert barriers(visit.page) == []


def test_everything_is_reached_by_keyboard(busy: Server, look: Look) -> None:
    stops = tour(visit_settings(look, busy).page)
    assert [name for name, ring in stops if not ring] == [], "the focus can be seen wherever it is"
    assert {"system", "English", "As the language", "Comfortable"} <= {name for name, _ in stops}
