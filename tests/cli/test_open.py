"""The dashboard is opened signed in, by a code that the running server gives to its own user alone."""

from __future__ import annotations

import html
import http.client
import json
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.program import History, Run
from tests.cli.test_serve import serving


def visit(address: str, cookie: str = "") -> tuple[int, str | None, str]:
    """Status, cookie and body of what a browser gets there."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    connection.request("GET", f"{parts.path}?{parts.query}", headers={"cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["set-cookie"], body


def test_the_address_that_is_printed_signs_in_once(own: History, tmp_path: Path, ccledger: Run) -> None:
    with serving(own, tmp_path) as (_, address):
        printed = ccledger("open", "--print", history=own).out.strip()
        assert printed.startswith(f"{address}/?code=")
        status, cookie, _ = visit(printed)
        assert (status, cookie is not None) == (303, True)
        _, _, me = visit(f"{address}/api/me", (cookie or "").partition(";")[0])
        assert json.loads(me)["how"] == "cookie"
        assert visit(printed)[:2] == (303, None)
        told = ccledger("open", "--json", history=own).json
        assert told["address"].startswith(f"{address}/?code=")
        assert told["address"] != printed


@pytest.mark.parametrize("opened", [True, False])
def test_a_browser_is_opened_and_without_one_the_address_is_printed(
    opened: bool, own: History, tmp_path: Path, ccledger: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def browser(address: str) -> bool:
        asked.append(address)
        return opened

    monkeypatch.setattr("webbrowser.open", browser)
    file = Path(own.environment["CCLEDGER_DATA_DIR"]) / "ccledger.open.html"
    with serving(own, tmp_path) as (_, address):
        first = ccledger("open", history=own)
        ran = ccledger("open", history=own)
        assert (first.code, ran.code, asked) == (0, 0, [file.as_uri()] * 2), "no code is where others see it"
        found = led_to(file)
        assert found.startswith(f"{address}/?code=")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert ran.out.strip() == ("" if opened else found)
        assert visit(found)[0] == 303
        assert visit(found)[1] is None
    with serving(own, tmp_path):
        assert not file.exists()


def led_to(file: Path) -> str:
    """Where a page leads at once."""
    return html.unescape(file.read_text().partition("url=")[2].partition('"')[0])


def test_without_a_server_it_is_said_how_to_start_one(ccledger: Run) -> None:
    ran = ccledger("open")
    assert (ran.code, ran.out) == (1, "")
    assert "ccledger serve" in ran.err
