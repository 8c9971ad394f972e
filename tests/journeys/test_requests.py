"""The Requests page as people work it, over ten million calls: looks, scrubbing, filters, keys, one call's story."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import barriers, dresses, overhang
from tests.journeys.gateway import EVERY, MOST, Gateway, a_busy_gateway
from tests.journeys.server import Server, serving
from tests.journeys.test_overview import LOCALES, nano, tour
from tests.journeys.visits import NOW, Home, Look, Visit

pytestmark = pytest.mark.browser
MOST_ROWS = 60
"""So many rows are in the document at most, however many there are."""
ALL = f"?range={(NOW - MOST * EVERY).date()}..{NOW.date()}"


@pytest.fixture
def gateway() -> Gateway:
    return a_busy_gateway(NOW)


def visit_requests(look: Look, server: Server, gateway: Gateway, search: str = ALL, **dress: Any) -> Visit:
    """The page with its first rows."""
    visit: Visit = look(server, path=f"requests{search}", gateway=gateway, **dress)
    rows(visit.page).first.wait_for()
    return visit


def rows(page: Page) -> Locator:
    return page.locator("[data-testid=requests] tr[data-call]")


def list_of(page: Page) -> Locator:
    return page.get_by_test_id("requests")


def asked(page: Page) -> dict[str, list[str]]:
    """What the address asks for."""
    return parse_qs(urlsplit(page.url).query)


def scroll(page: Page, pixels: int) -> None:
    """Scroll by so much, in steps as a wheel would, and wait until the rows that are seen are there."""
    for _ in range(abs(pixels) // 2000):
        list_of(page).evaluate("(list, by) => list.scrollBy(0, by)", 2000 if pixels > 0 else -2000)
        page.wait_for_function("""() => {
          const list = document.querySelector('[data-testid=requests]')
          const {top, bottom} = list.getBoundingClientRect()
          const rows = [...list.querySelectorAll('tr[data-call]')].map(row => row.getBoundingClientRect())
          const seen = rows.filter(row => row.bottom > top + 32 && row.top < bottom)
          return seen.reduce((sum, row) => sum + row.height, 0) > (bottom - top) * 0.8
        }""")


@pytest.mark.parametrize(("theme", "language", "width"), dresses())
def test_the_page_is_whole_in_every_dress(
    busy: Server, look: Look, gateway: Gateway, artifacts: Path, theme: str, language: str, width: int
) -> None:
    visit = visit_requests(look, busy, gateway, "?range=7d", locale=LOCALES[language], theme=theme, width=width)
    visit.page.screenshot(path=artifacts / f"requests-{theme}-{language}-{width}.png", full_page=True)
    assert overhang(visit.page) == 0
    assert barriers(visit.page) == []
    rows(visit.page).nth(2).locator("button").click()
    visit.page.get_by_test_id("story").wait_for()
    visit.page.screenshot(path=artifacts / f"call-{theme}-{language}-{width}.png")
    assert barriers(visit.page) == []
    assert visit.complaints == []
    assert "令牌" not in visit.page.content()


def test_ten_million_calls_scroll_without_an_end_and_without_weight(busy: Server, look: Look, gateway: Gateway) -> None:
    page = visit_requests(look, busy, gateway).page
    first = rows(page).first.get_attribute("data-call")
    seen = [int(call or 0) for call in rows(page).evaluate_all("rows => rows.map(row => row.dataset.call)")]
    assert seen == sorted(seen, reverse=True)
    scroll(page, 60_000)
    assert rows(page).count() <= MOST_ROWS
    deep = int(rows(page).last.get_attribute("data-call") or 0)
    assert gateway.call(1600)["id"] >= str(deep)
    scroll(page, -62_000)
    expect(rows(page).first).to_have_attribute("data-call", str(first))
    assert len(gateway.asked) < 40


def test_new_calls_wait_until_they_are_wanted(home: Home, look: Look, gateway: Gateway) -> None:
    transcript = home.transcript("s1")
    transcript.answer(NOW)
    with serving(home.environment) as server:
        visit = visit_requests(look, server, gateway, "?range=7d")
        page = visit.page
        visit.wait_until_live()
        before = str(rows(page).first.get_attribute("data-call"))
        gateway.arrived = 12
        transcript.answer(NOW)
        pill = page.get_by_test_id("arrived")
        expect(pill).to_have_text("12 new calls")
        expect(rows(page).first).to_have_attribute("data-call", before)
        pill.click()
        expect(rows(page).first).to_have_attribute("data-call", gateway.call(-12)["id"])
        expect(pill).to_have_count(0)


def test_the_scrubber_narrows_moves_and_lets_go(busy: Server, look: Look, gateway: Gateway) -> None:
    page = visit_requests(look, busy, gateway, "?range=7d").page
    scrubber = page.get_by_role("slider", name="Calls over time")
    box = scrubber.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20, steps=3)
    page.mouse.up()
    [chosen] = asked(page)["within"]
    narrowed = page.get_by_test_id("scrubber")
    expect(narrowed).to_contain_text("Double-click to see all")
    scrubber.focus()
    page.keyboard.press("ArrowRight")
    assert asked(page)["within"] != [chosen]
    page.keyboard.press("ArrowLeft")
    assert asked(page)["within"] == [chosen]
    scrubber.dblclick()
    assert "within" not in asked(page)


def test_filters_live_in_the_address_and_in_the_export(busy: Server, look: Look, gateway: Gateway) -> None:
    page = visit_requests(look, busy, gateway, "?range=7d").page
    page.get_by_role("button", name="Filter", exact=True).click()
    menu = page.get_by_role("dialog", name="Filter")
    menu.get_by_role("button", name="Status").click()
    menu.get_by_role("button", name="429").click()
    page.get_by_text("Status is 429").wait_for()
    expect(rows(page).first).to_contain_text("429 upstream")
    assert asked(page)["f"] == ["status:429"]
    page.get_by_role("button", name="Export").click()
    link = page.get_by_role("link", name="JSONL").get_attribute("href")
    wanted = parse_qs(urlsplit(link or "").query)
    assert wanted["format"] == ["jsonl"]
    assert wanted["status"] == ["429"]
    assert {"from_date", "to_date", "timezone", "sort"} <= wanted.keys()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Requests").click()
    page.keyboard.press("Backspace")
    expect(page.get_by_text("Status is 429")).to_have_count(0)


def test_a_view_is_kept_under_a_name(busy: Server, look: Look, gateway: Gateway) -> None:
    page = visit_requests(look, busy, gateway, "?range=7d&f=success:false").page
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Name for these filters").fill("failures")
    page.get_by_role("button", name="Save").click()
    page.goto(f"{busy.address}/requests")
    rows(page).first.wait_for()
    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="failures", exact=True).click()
    assert asked(page) == {"range": ["7d"], "f": ["success:false"]}


def test_keys_walk_the_list_and_the_drawer_follows(busy: Server, look: Look, gateway: Gateway) -> None:
    page = visit_requests(look, busy, gateway).page
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    third = gateway.call(2)["id"]
    assert asked(page)["r"] == [third]
    story = page.get_by_test_id("story")
    story.wait_for()
    page.keyboard.press("k")
    expect(page.get_by_text(gateway.call(1)["id"])).to_be_visible()
    page.keyboard.press("Escape")
    expect(story).to_have_count(0)
    assert "r" not in asked(page)


def test_a_call_tells_its_story_to_the_last_cent(busy: Server, look: Look, gateway: Gateway) -> None:
    at = next(at for at in range(100) if (row := gateway.call(at))["total_cost"] and row["stream"] and row["success"])
    call = gateway.call(at)
    page: Page = look(busy, path=f"requests?r={call['id']}", gateway=gateway).page
    story = page.get_by_test_id("story")
    story.wait_for()
    expect(story).to_contain_text("Until the first token")
    expect(story).to_contain_text(call["token_name"])
    assert nano(page.get_by_test_id("worked-total").text_content()) == call["total_cost_nano"]
    cells = page.locator("[data-testid=worked] tbody tr:not(:last-child) td:last-child").all_text_contents()
    assert sum(int(nano(cell)) for cell in cells) == int(call["total_cost_nano"])


def test_a_call_without_a_price_says_how_to_set_one(busy: Server, look: Look, gateway: Gateway) -> None:
    call = next(row for at in range(200) if (row := gateway.call(at))["total_cost"] is None)
    page: Page = look(busy, path=f"requests?r={call['id']}", gateway=gateway).page
    expect(page.get_by_test_id("story")).to_contain_text("ccledger price set claude-fable-5-1")


def test_a_jump_lands_in_the_middle_and_goes_both_ways(busy: Server, look: Look, gateway: Gateway) -> None:
    page = visit_requests(look, busy, gateway).page
    page.get_by_role("button", name="Jump").click()
    day = (NOW - timedelta(days=100)).date().isoformat()
    page.get_by_label("Begin the list at").fill(f"{day}T10:30")
    page.get_by_role("button", name="Go there").click()
    landed = page.locator("[data-testid=requests] tr", has_text=f"{day[5:]} 10:29:5").first
    landed.wait_for()
    scroll(page, -2_000)
    expect(page.locator("[data-testid=requests] tr", has_text=f"{day[5:]} 10:31").first).to_be_attached()
    scroll(page, 6_000)
    expect(page.locator("[data-testid=requests] tr", has_text=f"{day[5:]} 10:2").first).to_be_attached()


def test_columns_sort_and_say_so(busy: Server, look: Look, gateway: Gateway) -> None:
    page = visit_requests(look, busy, gateway, "?range=7d").page
    page.get_by_role("button", name="Cost").click()
    expect(page.get_by_role("columnheader", name="Cost")).to_have_attribute("aria-sort", "descending")
    assert asked(page)["sort"] == ["-cost"]
    costs = rows(page).evaluate_all("rows => rows.map(row => row.dataset.call)")
    known = [gateway.call(gateway.index(call))["total_cost"] for call in costs]
    assert known == sorted(known, reverse=True)


def test_nothing_found_says_what_to_do(busy: Server, look: Look, gateway: Gateway) -> None:
    gateway.calls = 0
    page: Page = look(busy, path="requests?f=status:500", gateway=gateway).page
    page.get_by_role("button", name="Remove all").click()
    page.get_by_text("Nothing was used in this range").wait_for()


def test_everything_is_reached_by_keyboard(busy: Server, look: Look, gateway: Gateway) -> None:
    stops = tour(visit_requests(look, busy, gateway).page)
    assert [name for name, ring in stops if not ring] == [], "the focus can be seen wherever it is"
    names = {name for name, _ in stops}
    assert {"Calls over time", "Filter", "Call or session id", "Jump", "Views", "Export", "Time"} <= names
