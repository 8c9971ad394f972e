"""The Usage page as people work it: looks, figures, filters, dragging, keys, export; figures are the API's own."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import barriers, dresses, overhang
from tests.journeys.history import OPUS
from tests.journeys.server import Server, serving
from tests.journeys.test_overview import LOCALES, nano, tour
from tests.journeys.visits import NOW, ZONE, Home, Look, Visit

pytestmark = pytest.mark.browser
PROJECT = "/home/mira/work/harbor-api"


def visit_usage(look: Look, server: Server, search: str = "", **dress: Any) -> Visit:
    """The page with its panels filled."""
    visit: Visit = look(server, path=f"usage{search}", **dress)
    visit.page.locator("[data-testid=by-model] tbody tr").first.wait_for()
    visit.page.locator("[data-testid=usage-chart] canvas").wait_for()
    return visit


def rows(page: Page, field: str) -> Locator:
    """The rows of one table that can be chosen."""
    return page.locator(f"[data-testid=by-{field}] tbody tr").filter(has=page.locator("button[aria-pressed]"))


def ask(server: Server, **question: Any) -> Any:
    """What the API says of the last 30 days."""
    return server.json(f"stats/query?{urlencode({'timezone': ZONE, 'days': 30, **question}, doseq=True)}")


def asked(page: Page) -> Mapping[str, list[str]]:
    """What the address asks for."""
    return parse_qs(urlsplit(page.url).query)


def tokens(page: Page) -> int:
    return int(page.locator("[data-testid=usage-tokens] data").get_attribute("value") or -1)


def expect_tokens(page: Page, number: int) -> None:
    expect(page.locator("[data-testid=usage-tokens] data")).to_have_attribute("value", str(number))


@pytest.mark.parametrize(("theme", "language", "width"), dresses())
def test_the_page_is_whole_in_every_dress(
    busy: Server, look: Look, artifacts: Path, theme: str, language: str, width: int
) -> None:
    visit = visit_usage(look, busy, locale=LOCALES[language], theme=theme, width=width)
    for panel in ("by-session", "by-source", "heat-map", "cache-savings", "estimator", "export"):
        visit.page.get_by_test_id(panel).wait_for()
    visit.page.screenshot(path=artifacts / f"usage-{theme}-{language}-{width}.png", full_page=True)
    assert overhang(visit.page) == 0
    assert barriers(visit.page) == []
    assert visit.complaints == []
    assert "令牌" not in visit.page.content()


def test_figures_and_rows_are_those_of_the_api(busy: Server, look: Look) -> None:
    page = visit_usage(look, busy).page
    totals = ask(busy)["totals"]
    expect_tokens(page, totals["total_tokens"])
    assert nano(page.locator("[data-testid=usage-cost] [title]").get_attribute("title")) == totals["total_cost_nano"]
    for field in ("model", "project", "source"):
        shown = rows(page, field).evaluate_all(
            "rows => rows.map(row => [row.cells[0].querySelector('button').title.split('\\n')[0],"
            " Number(row.cells[1].querySelector('data').value), Number(row.cells[2].querySelector('data').value)])"
        )
        told = ask(busy, group_by=field, limit=8)["rows"]
        assert shown == [[row[field], row["calls"], row["total_tokens"]] for row in told]


def test_a_click_filters_everything_and_the_address_remembers(busy: Server, look: Look) -> None:
    page = visit_usage(look, busy).page
    rows(page, "project").filter(has_text="harbor-api").locator("button[aria-pressed]").click()
    only = ask(busy, filter=f"project:{PROJECT}")["totals"]["total_tokens"]
    expect_tokens(page, only)
    assert asked(page)["f"] == [f"project:{PROJECT}"]
    rows(page, "model").filter(has_text=OPUS).locator("button[aria-pressed]").click(modifiers=["Shift"])
    both = ask(busy, filter=[f"project:{PROJECT}", f"-model:{OPUS}"])["totals"]["total_tokens"]
    expect_tokens(page, both)
    assert asked(page)["f"] == [f"project:{PROJECT}", f"-model:{OPUS}"]
    page.get_by_text(f"Model is not {OPUS}", exact=True).wait_for()
    page.reload()
    expect_tokens(page, both)
    page.get_by_role("link", name="Overview").click()
    page.get_by_test_id("model-stats").wait_for()
    page.get_by_role("link", name="Usage").click()
    expect_tokens(page, both)
    page.keyboard.press("Backspace")
    expect_tokens(page, only)
    page.get_by_role("button", name="Remove: Project is harbor-api").click()
    expect_tokens(page, ask(busy)["totals"]["total_tokens"])
    page.go_back()
    expect_tokens(page, only)


def test_dragging_over_the_chart_looks_closer_and_escape_leads_back(busy: Server, look: Look) -> None:
    page = visit_usage(look, busy, "?range=7d").page
    whole = tokens(page)
    box = page.locator("[data-testid=usage-chart] .u-over").bounding_box()
    assert box
    height = box["y"] + box["height"] / 2
    # Seven bars: from within the fifth to within the sixth.
    page.mouse.move(box["x"] + box["width"] * 4.3 / 7, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 5.5 / 7, height, steps=4)
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('..')")
    first, last = asked(page)["range"][0].split("..")
    part = ask(busy, days=[], start_date=first, end_date=last)["totals"]["total_tokens"]
    expect_tokens(page, part)
    assert 0 < part < whole
    page.keyboard.press("Escape")
    expect_tokens(page, whole)
    assert asked(page)["range"] == ["7d"]


def test_keys_do_what_their_list_says(busy: Server, look: Look, artifacts: Path) -> None:
    page = visit_usage(look, busy).page
    compare = page.get_by_role("switch", name="Compare")
    assert compare.is_checked()
    page.keyboard.press("x")
    expect(compare).not_to_be_checked()
    assert asked(page)["compare"] == ["0"]
    page.keyboard.press("t")
    assert asked(page)["range"] == ["today"]
    page.keyboard.press("[")
    first, last = asked(page)["range"][0].split("..")
    assert first == last
    page.keyboard.press("]")
    assert asked(page)["range"] == ["today"]
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.screenshot(path=artifacts / "keys.png")
    assert barriers(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.get_by_role("heading", name="Settings").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.get_by_role("heading", name="Overview").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("u")
    page.get_by_role("heading", name="Usage").wait_for()
    assert asked(page)["range"] == ["today"], "the range goes along"


def test_the_palette_goes_and_filters(busy: Server, look: Look, artifacts: Path) -> None:
    visit = look(busy)
    page: Page = visit.page
    page.get_by_test_id("model-stats").wait_for()
    page.keyboard.press("Control+k")
    box = page.get_by_role("dialog").get_by_role("combobox")
    box.fill("harbor")
    page.get_by_role("option", name="harbor-api").wait_for()
    page.screenshot(path=artifacts / "palette.png")
    assert barriers(page) == []
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Usage").wait_for()
    assert asked(page)["f"] == [f"project:{PROJECT}"]
    page.keyboard.press("Control+k")
    box.fill("7 days")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Last 7 days")).to_be_visible()
    assert visit.complaints == []


def test_the_calls_behind_a_number_are_listed(busy: Server, look: Look, artifacts: Path) -> None:
    visit = visit_usage(look, busy)
    page = visit.page
    row = rows(page, "model").filter(has_text=OPUS)
    calls = int(row.locator("data").first.get_attribute("value") or 0)
    row.get_by_role("button", name=f"{calls:,}").click()
    drawer = page.get_by_role("dialog", name="Calls")
    drawer.get_by_text(f"1 – 50 · {calls:,} calls").wait_for()
    page.screenshot(path=artifacts / "calls.png")
    assert barriers(page) == []
    told = busy.json(f"stats/history?{urlencode({'timezone': ZONE, 'days': 30, 'model': OPUS, 'page': 2})}")["data"]
    drawer.get_by_role("button", name="Older calls").click()
    drawer.get_by_text(f"51 – {min(100, calls)}").wait_for()
    assert drawer.locator("tbody tr").count() == len(told)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    assert asked(page) == {}, "looking at calls is no filter"
    assert visit.complaints == []


@pytest.mark.parametrize("form", ["CSV", "JSON", "JSONL"])
def test_what_is_downloaded_is_what_the_api_exports(busy: Server, look: Look, form: str, tmp_path: Path) -> None:
    page = visit_usage(look, busy, f"?range=7d&f={quote(f'project:{PROJECT}')}").page
    panel = page.get_by_test_id("export")
    panel.get_by_text(form, exact=True).click()
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    question = urlencode({"timezone": ZONE, "days": 7, "project": PROJECT})
    _, body = busy.ask(f"/api/v1/export/{form.lower()}?{question}")
    assert saved.read_bytes() == body
    count = count_of(form, body)
    panel.get_by_text(f"Downloaded {count:,} calls").wait_for()
    assert count == ask(busy, days=7, filter=f"project:{PROJECT}")["totals"]["calls"] > 0


def count_of(form: str, body: bytes) -> int:
    """How many calls an export holds."""
    if form == "CSV":
        return len(list(csv.DictReader(body.decode().splitlines())))
    return len(json.loads(body)) if form == "JSON" else len(body.splitlines())


def test_a_list_that_can_not_apply_a_filter_says_so(busy: Server, look: Look) -> None:
    page = visit_usage(look, busy, f"?f=-model:{OPUS}").page
    page.get_by_test_id("export").get_by_text(f"Model is not {OPUS}").wait_for()


def test_the_estimate_is_the_price_books(busy: Server, look: Look) -> None:
    page = visit_usage(look, busy).page
    panel = page.get_by_test_id("estimator")
    page.get_by_text("One call", exact=True).click()
    panel.get_by_label("Model").select_option(OPUS)
    for name, count in {"Input": 1_000_000, "Output": 10, "Cache read": 5}.items():
        panel.get_by_label(name, exact=True).fill(str(count))
    for name in ("Cache write 5 min", "Cache write 1 h"):
        panel.get_by_label(name, exact=True).fill("0")
    question = {"model": OPUS, "input_tokens": 1_000_000, "output_tokens": 10, "cache_read_tokens": 5}
    wanted = busy.json(f"cost/estimate?{urlencode(question)}")["total_cost_nano"]
    dollars = f"${int(wanted) // 10**9}."
    expect(page.get_by_test_id("estimate").locator("[title]")).to_have_attribute("title", exact_dollars(wanted))
    expect(page.get_by_test_id("estimate")).to_contain_text(dollars)


def exact_dollars(amount: str) -> str:
    """Nano-dollars as the page writes them in full."""
    whole, rest = divmod(int(amount), 10**9)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"${whole:,}.{decimals}"


def test_everything_is_reached_by_keyboard(busy: Server, look: Look) -> None:
    page = visit_usage(look, busy, "?range=today").page
    stops = tour(page)
    assert [name for name, ring in stops if not ring] == [], "the focus can be seen wherever it is"
    names = [name for name, _ in stops]
    wanted = ["Overview", "Usage", "Settings", "Compare", "Period before", "Today", "Cost", "Read the chart bar by bar"]
    assert [name for name in names if name in wanted] == wanted
    page.get_by_role("button", name="Today").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Time range").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert asked(page)["range"] == ["7d"]


def test_dates_can_be_chosen(busy: Server, look: Look) -> None:
    page = visit_usage(look, busy).page
    page.get_by_role("button", name="Last 30 days").click()
    dialog = page.get_by_role("dialog", name="Time range")
    assert barriers(page) == []
    first, last = busy_days(busy)
    dialog.get_by_label("From").fill(first)
    dialog.get_by_label("To").fill(last)
    dialog.get_by_role("button", name="Show these dates").click()
    assert asked(page)["range"] == [f"{first}..{last}"]
    expect_tokens(page, ask(busy, days=[], start_date=first, end_date=last)["totals"]["total_tokens"])


def busy_days(server: Server) -> tuple[str, str]:
    """Two days in the middle of the history."""
    days = [row["start"][:10] for row in ask(server, days=3, grain="day")["rows"]]
    return days[0], days[1]


def test_dragging_over_the_first_pages_chart_leads_here(busy: Server, look: Look) -> None:
    page: Page = look(busy).page
    page.get_by_test_id("model-stats").wait_for()
    box = page.locator("canvas").first.bounding_box()
    assert box
    height = box["y"] + box["height"] / 3
    page.mouse.move(box["x"] + box["width"] * 0.6, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, height, steps=4)
    page.mouse.up()
    page.get_by_role("heading", name="Usage").wait_for()
    assert ".." in asked(page)["range"][0]
    page.go_back()
    page.get_by_role("heading", name="Usage").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Overview").wait_for()


def test_what_is_booked_meanwhile_shows(home: Home, look: Look) -> None:
    transcript = home.transcript("s1")
    transcript.answer(NOW)
    with serving(home.environment) as server:
        visit = visit_usage(look, server, "?range=today")
        before = tokens(visit.page)
        visit.wait_until_live()
        transcript.answer(NOW)
        expect_tokens(visit.page, 2 * before)
        expect(rows(visit.page, "model").first.locator("data").first).to_have_attribute("value", "2")


def test_filters_that_nothing_fits_say_so(busy: Server, look: Look) -> None:
    page: Page = look(busy, path="usage?f=model:claude-nope&f=source:runner").page
    notice = page.get_by_role("status").filter(has_text="No call fits all filters")
    notice.get_by_role("button", name="Remove all").click()
    expect_tokens(page, ask(busy)["totals"]["total_tokens"])
