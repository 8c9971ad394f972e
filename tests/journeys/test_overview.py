"""The first page as people meet it, over a history that goes on: looks, figures, languages, keyboard."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import barriers, dresses, overhang
from tests.journeys.server import Server
from tests.journeys.visits import ZONE, Look

pytestmark = pytest.mark.browser
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
FOCUSED = """() => {
  const on = document.activeElement
  if (on === document.body) return null
  const label = on.closest('label')
  const ring = style => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
  return {
    name: on.getAttribute('aria-label') ?? (label ?? on).textContent.trim(),
    ring: [on, label ?? on].some(each => ring(getComputedStyle(each))),
  }
}"""


@pytest.mark.parametrize(("theme", "language", "width"), dresses())
def test_the_page_is_whole_in_every_dress(
    busy: Server, look: Look, artifacts: Path, theme: str, language: str, width: int
) -> None:
    visit = look(busy, locale=LOCALES[language], theme=theme, width=width)
    visit.page.get_by_test_id("model-stats").wait_for()
    visit.page.locator("canvas").first.wait_for()
    visit.page.screenshot(path=artifacts / f"overview-{theme}-{language}-{width}.png", full_page=True)
    assert visit.page.evaluate("() => document.documentElement.dataset.theme") == theme
    assert visit.page.evaluate("() => document.documentElement.lang") == ("zh-CN" if language == "zh" else "en")
    assert overhang(visit.page) == 0
    assert barriers(visit.page) == []
    assert visit.complaints == []


def test_chinese_calls_a_token_token(busy: Server, look: Look) -> None:
    page = look(busy, locale=LOCALES["zh"]).page
    page.get_by_test_id("model-stats").wait_for()
    assert "今日 Token" in page.locator("main").inner_text()
    assert "令牌" not in page.content()


def test_figures_are_those_of_the_api(busy: Server, look: Look) -> None:
    visit = look(busy)
    page = visit.page
    page.get_by_test_id("model-stats").wait_for()
    overview = busy.json(f"stats/overview?hours=24&timezone={ZONE.replace('+', '%2B')}")
    today = overview["today"]
    assert visit.tokens() == today["total_tokens"] > 0
    assert page.locator("[data-testid=calls-today] data").get_attribute("value") == str(today["calls"])
    assert nano(page.get_by_test_id("cost-today").locator("[title]").get_attribute("title")) == today["total_cost_nano"]
    models = busy.json("stats/current")["models"]
    shown = page.locator("[data-testid=model-stats] tbody tr").evaluate_all(
        "rows => rows.map(row => [row.cells[0].title, row.cells[2].querySelector('data').value,"
        " row.cells[3].querySelector('[title]').title])"
    )
    assert [(name, int(tokens), nano(cost)) for name, tokens, cost in shown] == [
        (name, each["total_tokens"], each["total_cost_nano"]) for name, each in models.items()
    ]
    sessions = page.locator("section, div").filter(has_text="Running sessions").last
    assert sessions.count() == 1
    assert {one["state"] for one in overview["sessions"]} <= {"active", "idle"}


def nano(exact: str | None) -> str:
    """Turn "$1.234567891" into nano-dollars."""
    dollars, _, rest = (exact or "").partition(" ")[0].replace("$", "").replace(",", "").partition(".")
    return str(int(dollars + rest.ljust(9, "0")))


def test_a_week_and_tokens_can_be_chosen(busy: Server, look: Look) -> None:
    visit = look(busy)
    page = visit.page
    page.get_by_test_id("model-stats").wait_for()
    with page.expect_response(lambda answer: "hours=168" in answer.url):
        page.get_by_text("7 d", exact=True).click()
    page.get_by_text("Tokens", exact=True).first.click()
    page.get_by_role("heading", name="Tokens by kind").wait_for()
    assert visit.complaints == []


def test_everything_is_reached_by_keyboard(busy: Server, look: Look) -> None:
    page = look(busy).page
    page.get_by_test_id("model-stats").wait_for()
    names = [name for name, ring in tour(page) if ring]
    pages = ["Overview", "Usage", "Requests", "Access keys", "Accounts", "Settings"]
    assert names[:7] == ["Skip to content", *pages]
    wanted = ["24 h", "Language: 中文", "Theme: system", "Cost", "Read the chart bar by bar"]
    assert [name for name in names if name in wanted] == wanted
    assert all(ring for _, ring in tour(page)), "the focus can be seen wherever it is"


def tour(page: Page) -> list[tuple[str, bool]]:
    """Press Tab from the start of the page to its end; return what had the focus and whether that showed."""
    page.evaluate("() => { document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0) }")
    stops: list[tuple[str, bool]] = []
    while len(stops) < 100:
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None:
            return stops
        stops.append((stop["name"], stop["ring"]))
    raise AssertionError("the focus never leaves the page")


def test_the_keyboard_works_what_it_reaches(busy: Server, look: Look) -> None:
    page = look(busy).page
    page.get_by_test_id("model-stats").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "content"
    page.get_by_role("radio", name="24 h").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="7 d").is_checked()
    page.get_by_role("button", name="Language").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="总览").wait_for()


def test_the_choice_of_theme_and_language_outlives_the_page(busy: Server, look: Look) -> None:
    page = look(busy).page
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.get_by_role("button", name="Language").click()
    page.get_by_role("heading", name="总览").wait_for()
    page.reload()
    page.get_by_role("heading", name="总览").wait_for()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"


def test_an_unknown_address_leads_back(busy: Server, look: Look) -> None:
    page = look(busy).page
    page.goto(f"{busy.address}/nowhere")
    page.get_by_text("There is no page at this address").wait_for()
    page.get_by_role("link", name="Go to Overview").click()
    page.get_by_test_id("total-tokens").wait_for()
