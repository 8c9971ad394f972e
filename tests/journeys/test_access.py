"""Access keys, accounts and signing in as people meet them: looks, issuing, limits, ending, orders to accounts."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import barriers, dresses, overhang
from tests.journeys.gateway import PASSWORD, Gateway, a_busy_gateway
from tests.journeys.server import Server
from tests.journeys.test_overview import LOCALES, tour
from tests.journeys.visits import NOW, Look, Visit

pytestmark = pytest.mark.browser
PAGES = {
    "keys": "[data-testid=keys]",
    "keys/mira": "[data-testid=key-usage] canvas",
    "keys/ci?tab=settings": "form",
    "accounts": "[data-testid=account]",
    "": "[data-testid=gateway-today]",
}
"""Pages and what each is not whole without."""
EMPTY = {"keys": "No access key yet", "accounts": "No account yet"}


@pytest.fixture
def gateway() -> Gateway:
    return a_busy_gateway(datetime.now(UTC))  # not when the tests began: what cools down is soon over


def go(look: Look, server: Server, path: str, gateway: Gateway, **dress: Any) -> Visit:
    """A page with what it shows."""
    visit: Visit = look(server, path=path, gateway=gateway, **dress)
    visit.page.locator(PAGES[path]).first.wait_for()
    return visit


@pytest.mark.parametrize(("theme", "language", "width"), dresses())
@pytest.mark.parametrize("path", PAGES)
def test_the_pages_are_whole_in_every_dress(
    busy: Server, look: Look, gateway: Gateway, artifacts: Path, path: str, theme: str, language: str, width: int
) -> None:
    visit = go(look, busy, path, gateway, locale=LOCALES[language], theme=theme, width=width)
    name = path.partition("?")[0].replace("/", "-") or "gateway-today"
    visit.page.screenshot(path=artifacts / f"{name}-{theme}-{language}-{width}.png", full_page=True)
    assert overhang(visit.page) == 0
    assert barriers(visit.page) == []
    assert visit.complaints == []
    assert "令牌" not in visit.page.content()


@pytest.mark.parametrize("path", EMPTY)
@pytest.mark.parametrize("width", [390, 1440])
def test_an_empty_page_teaches_the_first_step(busy: Server, look: Look, artifacts: Path, path: str, width: int) -> None:
    visit: Visit = look(busy, path=path, gateway=Gateway(NOW), width=width)
    visit.page.get_by_text(EMPTY[path]).wait_for()
    visit.page.screenshot(path=artifacts / f"{path}-empty-{width}.png", full_page=True)
    assert overhang(visit.page) == 0
    assert barriers(visit.page) == []


def test_who_only_reads_transcripts_is_not_shown_a_gateway(busy: Server, look: Look) -> None:
    page: Page = look(busy).page
    page.get_by_test_id("model-stats").wait_for()
    expect(page.get_by_test_id("gateway-today")).to_have_count(0)


def test_a_key_is_issued_shown_once_and_found_in_the_list(
    busy: Server, look: Look, gateway: Gateway, artifacts: Path
) -> None:
    page = go(look, busy, "keys", gateway).page
    page.get_by_role("button", name="Issue a key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Issue key").click()
    expect(dialog).to_contain_text("Give it a name")
    dialog.get_by_label("Name").fill("nightly")
    dialog.get_by_label("Expires").select_option("30d")
    dialog.get_by_text("Limits, models, addresses").click()
    dialog.get_by_label("Tokens per minute").fill("100k")
    dialog.get_by_label("Models").fill("claude-haiku-*")
    page.screenshot(path=artifacts / "key-form.png")
    assert barriers(page) == []
    dialog.get_by_role("button", name="Issue key").click()
    issued = page.get_by_test_id("issued-key")
    expect(issued).to_contain_text(f"export ANTHROPIC_BASE_URL={busy.address}")
    expect(issued).to_contain_text(f"export OPENAI_BASE_URL={busy.address}/v1")
    page.screenshot(path=artifacts / "key-issued.png")
    assert barriers(page) == []
    page.mouse.click(5, 5)
    page.keyboard.press("Escape")
    expect(issued).to_be_visible()
    [wish] = gateway.said
    assert (wish["expires_in"], wish["tokens_per_minute"], wish["models"]) == ("30d", 100_000, ["claude-haiku-*"])
    issued.get_by_role("button", name="I have copied it").click()
    expect(page.get_by_test_id("keys")).to_contain_text("nightly")
    assert "ccl-" + "0" * 8 not in page.content()


def test_a_limit_is_changed_and_nothing_else_is_sent(busy: Server, look: Look, gateway: Gateway) -> None:
    page = go(look, busy, "keys/ci?tab=settings", gateway).page
    save = page.get_by_role("button", name="Save")
    expect(save).to_be_disabled()
    page.get_by_label("Requests per minute").fill("")
    page.get_by_label("Calls at once").fill("8")
    save.click()
    expect(page.get_by_text("Saved")).to_be_visible()
    assert gateway.said == [{"requests_per_minute": None, "concurrency": 8}]


@pytest.mark.parametrize("how", ["Revoke", "Delete"])
def test_a_key_ends_after_a_question_and_its_calls_stay(busy: Server, look: Look, gateway: Gateway, how: str) -> None:
    page = go(look, busy, "keys/ci?tab=settings", gateway).page
    page.get_by_role("button", name=how).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("stay on the ledger")
    assert barriers(page) == []
    dialog.get_by_role("button", name=how).click()
    expect(dialog).to_have_count(0)
    if how == "Revoke":
        expect(page.get_by_text("revoked", exact=True)).to_be_visible()
    else:
        expect(page.get_by_test_id("keys")).not_to_contain_text("ci-review")


def test_a_keys_number_of_calls_leads_to_them(busy: Server, look: Look, gateway: Gateway) -> None:
    page = go(look, busy, "keys/mira", gateway).page
    page.locator("[data-testid=usage-calls] button").click()
    page.get_by_text("Access key is mira-laptop").wait_for()
    page.locator("[data-testid=requests] tr[data-call]").first.wait_for()
    assert any("token_id=mira" in asked for asked in gateway.asked if asked.startswith("GET logs/requests"))


def test_accounts_are_added_edited_ordered_and_deleted(
    busy: Server, look: Look, gateway: Gateway, artifacts: Path
) -> None:
    page = go(look, busy, "accounts", gateway).page
    page.get_by_role("button", name="Add an account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Session key", exact=True).first.click()
    expect(dialog).to_contain_text("Read the terms")
    page.screenshot(path=artifacts / "account-form.png")
    assert barriers(page) == []
    dialog.get_by_text("API key", exact=True).first.click()
    dialog.get_by_label("Name").fill("spare")
    dialog.get_by_label("API key").last.fill("sk-ant-api03-planted")
    dialog.get_by_role("button", name="Add account").click()
    expect(page.get_by_test_id("account")).to_have_count(5)
    assert gateway.said[-1]["api_key"] == "sk-ant-api03-planted"
    assert "planted" not in page.content()
    page.get_by_role("button", name="Edit: spare").click()
    page.get_by_label("Weight").fill("4")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert gateway.said[-1]["weight"] == 4
    page.get_by_role("button", name="Check: spare").click()
    expect(page.get_by_role("status").filter(has_text="spare: check")).to_be_visible()
    page.get_by_role("button", name="Switch off: spare").click()
    page.get_by_role("button", name="Switch on: spare").wait_for()
    page.get_by_role("button", name="Delete: spare").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_test_id("account")).to_have_count(4)


def test_accounts_say_how_they_are(busy: Server, look: Look, gateway: Gateway) -> None:
    page = go(look, busy, "accounts", gateway).page
    team = page.get_by_test_id("account").filter(has_text="team-max")
    for told in ("cooling down", "asked again in", "5 hours", "100%", "61.5%"):
        expect(team).to_contain_text(told)
    expect(page.get_by_test_id("account").filter(has_text="eu-relay")).to_contain_text("circuit open")


@pytest.mark.parametrize("path", ["keys", "accounts"])
def test_everything_is_reached_by_keyboard(busy: Server, look: Look, gateway: Gateway, path: str) -> None:
    stops = tour(go(look, busy, path, gateway).page)
    assert [name for name, ring in stops if not ring] == [], "the focus can be seen wherever it is"
    wanted = {"keys": {"Issue a key", "mira-laptop"}, "accounts": {"Add an account", "Check: team-max"}}[path]
    assert wanted <= {name for name, _ in stops}


def test_signing_in_happens_in_place(busy: Server, look: Look, gateway: Gateway, artifacts: Path) -> None:
    gateway.signed_in = False
    page: Page = look(busy, path="keys/mira", gateway=gateway).page
    panel = page.get_by_test_id("sign-in")
    panel.wait_for()
    page.screenshot(path=artifacts / "sign-in.png")
    assert barriers(page) == []
    panel.get_by_label("Administrator password").fill("wrong")
    panel.get_by_role("button", name="Sign in").click()
    expect(panel).to_contain_text("Invalid password")
    panel.get_by_label("Administrator password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="mira-laptop").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_test_id("sign-in").wait_for()
    expect(page.get_by_role("heading", name="mira-laptop")).to_have_count(0)


def test_without_a_password_the_page_says_which_command_opens_it(busy: Server, look: Look, gateway: Gateway) -> None:
    gateway.signed_in = gateway.password_set = False
    page: Page = look(busy, path="signin", gateway=gateway).page
    page.get_by_text("This server has no password").wait_for()
    expect(page.locator("main")).to_contain_text("ccledger open")
    expect(page.get_by_label("Administrator password")).to_have_count(0)
    assert barriers(page) == []
