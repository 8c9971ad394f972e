"""The specification's two examples of a test in the browser (§8.3), step by step, against the real server."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page

from tests.journeys.server import serving
from tests.journeys.visits import NOW, Home, Look

pytestmark = pytest.mark.browser
PARSE_INT = "text => parseInt(text)"


def test_should_display_token_statistics(home: Home, look: Look) -> None:
    home.transcript("s1").answer(NOW - timedelta(minutes=3))
    with serving(home.environment) as server:
        page = look(server).page
        page.wait_for_selector('[data-testid="model-stats"]')
        assert tokens(page) > 0


def test_should_update_data_in_real_time_via_websocket(home: Home, look: Look) -> None:
    transcript = home.transcript("s1")
    transcript.answer(NOW - timedelta(minutes=3), output=100, read=1_000, write_1h=0)
    with serving(home.environment) as server:
        visit = look(server)
        initial = tokens(visit.page)
        visit.wait_until_live()
        transcript.answer(NOW, output=100, read=2_500_000_000)
        visit.page.wait_for_function(
            "before => parseInt(document.querySelector('[data-testid=\"total-tokens\"]').textContent) !== before",
            arg=initial,
        )


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_any_number_of_tokens_parses(home: Home, look: Look, locale: str) -> None:
    transcript = home.transcript("s1")
    with serving(home.environment) as server:
        visit = look(server, locale=locale)
        for read in (10, 5_000, 800_000, 30_000_000, 2_000_000_000):
            transcript.answer(NOW, prompt=0, output=0, read=read, write_1h=0)
            visit.page.wait_for_function(
                "least => Number(document.querySelector('[data-testid=total-tokens] data')?.value) >= least", arg=read
            )
            assert tokens(visit.page) > 0


def tokens(page: Page) -> int:
    """What the specification's examples read."""
    return int(page.evaluate(PARSE_INT, page.text_content('[data-testid="total-tokens"]')))
