"""Signing in and what it opens, against a real server: the code of `ccledger open`, keys, accounts, the request log."""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import barriers
from tests.journeys.server import PROGRAM, Server, serving
from tests.journeys.test_overview import nano
from tests.journeys.visits import NOW, ZONE, Home, Look

pytestmark = pytest.mark.browser


def invitation(home: Home) -> str:
    """The address that signs a browser in, once."""
    command = (*PROGRAM, "open", "--print")
    run = subprocess.run(command, env=os.environ | home.environment, capture_output=True, check=True, text=True)
    return urlsplit(run.stdout.strip())._replace(scheme="", netloc="").geturl().lstrip("/")


def test_a_code_opens_what_was_closed(home: Home, look: Look, artifacts: Path) -> None:
    home.transcript("s1").answer(NOW)
    with serving(home.environment) as server:
        page: Page = look(server, path="keys").page
        page.get_by_test_id("sign-in").wait_for()
        expect(page.locator("main")).to_contain_text("ccledger open")
        page = look(server, path=invitation(home)).page
        page.get_by_role("button", name="Sign out").wait_for()
        assert "code" not in page.url
        page.get_by_role("link", name="Access keys").click()
        page.get_by_role("button", name="Issue the first key").click()
        page.get_by_label("Name").fill("laptop")
        page.get_by_role("button", name="Issue key").click()
        issued = page.get_by_test_id("issued-key")
        expect(issued).to_contain_text("export ANTHROPIC_AUTH_TOKEN=ccl-")
        issued.get_by_role("button", name="I have copied it").click()
        page.get_by_role("link", name="laptop").click()
        page.get_by_test_id("key-usage").wait_for()
        page.get_by_role("tab", name="Settings").click()
        page.get_by_label("Requests per minute").fill("60")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("60 requests/min")).to_be_visible()
        page.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("revoked", exact=True)).to_be_visible()
        page.screenshot(path=artifacts / "key-revoked.png", full_page=True)
        page.get_by_role("button", name="Sign out").click()
        page.get_by_test_id("sign-in").wait_for()


def test_an_account_is_added_changed_and_deleted(home: Home, look: Look, artifacts: Path) -> None:
    home.transcript("s1").answer(NOW)
    with serving(home.environment) as server:
        page: Page = look(server, path=invitation(home)).page
        page.get_by_role("link", name="Accounts").click()
        page.get_by_role("button", name="Add the first account").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("main")
        dialog.get_by_label("API key").last.fill("sk-ant-api03-planted-secret-0123456789")
        dialog.get_by_text("Address, proxy, weight").click()
        dialog.get_by_label("Base URL").fill("http://127.0.0.1:9")
        dialog.get_by_role("button", name="Add account").click()
        account = page.get_by_test_id("account")
        expect(account).to_contain_text("ready")
        assert "planted" not in page.content()
        page.get_by_role("button", name="Edit: main").click()
        page.get_by_label("Weight").fill("3")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Switch off: main").click()
        expect(account).to_contain_text("switched off")
        page.screenshot(path=artifacts / "account-real.png", full_page=True)
        assert barriers(page) == []
        page.get_by_role("button", name="Delete: main").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Add the first account").wait_for()


def test_the_request_log_is_the_apis_own(busy: Server, look: Look) -> None:
    page: Page = look(busy, path="requests?range=all").page
    rows = page.locator("[data-testid=requests] tr[data-call]")
    rows.first.wait_for()
    told = busy.json(f"logs/requests?{urlencode({'timezone': ZONE, 'limit': 20})}")
    shown = rows.evaluate_all("rows => rows.slice(0, 20).map(row => row.dataset.call)")
    assert shown == [row["id"] for row in told["logs"]]
    rows.nth(3).locator("button").click()
    page.get_by_test_id("story").wait_for()
    assert nano(page.get_by_test_id("worked-total").text_content()) == told["logs"][3]["total_cost_nano"]
    page.keyboard.press("Escape")
    page.wait_for_function("""() => {
      const list = document.querySelector('[data-testid=requests]')
      list.scrollBy(0, 3000)
      const left = list.scrollHeight - list.clientHeight - list.scrollTop
      return left < 1 && list.textContent.includes('No older calls in this range')
    }""")
    oldest = busy.json(f"logs/requests?{urlencode({'timezone': ZONE, 'limit': 1, 'sort': 'time'})}")["logs"][0]
    expect(rows.last).to_have_attribute("data-call", oldest["id"])


def test_a_project_narrows_list_and_export(busy: Server, look: Look) -> None:
    page: Page = look(busy, path="requests?range=all").page
    page.get_by_role("button", name="Filter", exact=True).click()
    menu = page.get_by_role("dialog", name="Filter")
    menu.get_by_role("button", name="Project").click()
    menu.get_by_role("button", name="tidepool-web").click()
    page.get_by_text("Project is tidepool-web").wait_for()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="JSONL").click()
    lines = Path(downloading.value.path()).read_text("utf-8").splitlines()
    asked = {"timezone": ZONE, "limit": 1, "project": "/home/mira/work/tidepool-web"}
    assert len(lines) == busy.json(f"logs/requests?{urlencode(asked)}")["total"] > 0
