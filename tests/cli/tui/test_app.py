from __future__ import annotations

import re

import pytest
from textual.pilot import Pilot

from ccledger.cli.tui.news import News
from ccledger.cli.tui.sessions import Sessions
from ccledger.cli.tui.view import SPANS, SessionRow, View
from tests.cli.tui import views
from tests.cli.tui.shown import WIDE, StillFeed, during, said

PROJECTS = ("shop", "billing-service", "文档翻译", "infra", "notes", "dotfiles")


def after(*keys: str, news: News | None = None, size: tuple[int, int] = WIDE) -> list[str]:
    """What stands on the screen after some keys."""
    found: list[str] = []

    async def look(pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        await pilot.pause()
        found.extend(said(pilot.app))

    during(StillFeed(news or News(views.BUSY)), look, size)
    return found


def marked(pieces: list[str]) -> str:
    """The project beside the mark."""
    at = next(number for number, piece in enumerate(pieces) if "▸" in piece)
    return pieces[at + 1].strip()


def rows(pieces: list[str]) -> list[str]:
    return [piece.strip(" ▸") for piece in pieces if piece.strip(" ▸").startswith(PROJECTS)]


@pytest.mark.parametrize(
    ("keys", "project"),
    [
        ((), "shop"),
        (("down",), "billing-service"),
        (("j", "j"), "文档翻译"),
        (("j", "j", "k"), "billing-service"),
        (("up",), "shop"),
        (("end",), "dotfiles"),
        (("end", "down"), "dotfiles"),
        (("end", "home"), "shop"),
        (("pagedown",), "dotfiles"),
        (("pagedown", "pageup"), "shop"),
    ],
)
def test_keys_move_the_mark(keys: tuple[str, ...], project: str) -> None:
    assert marked(after(*keys)) == project


@pytest.mark.parametrize(
    ("times", "order", "first"),
    [(0, "last call", "shop"), (1, "cost", "shop"), (3, "project", "a-project-with"), (4, "last call", "shop")],
)
def test_s_sorts(times: int, order: str, first: str) -> None:
    pieces = after(*["s"] * times)
    assert any(f"by {order}" in piece for piece in pieces)
    assert marked(pieces).startswith(first)


def test_the_mark_stays_on_its_session_when_rows_move() -> None:
    moved = views.BUSY._replace(sessions=tuple(newer(row) for row in views.SESSIONS))

    async def look(pilot: Pilot[None]) -> None:
        await pilot.press("j")
        feed.tell(News(moved))
        await pilot.pause()
        assert marked(said(pilot.app)) == "billing-service"
        feed.tell(News(moved._replace(sessions=())))
        await pilot.pause()
        assert any("No calls today yet." in piece for piece in said(pilot.app))

    feed = StillFeed(News(views.BUSY))
    during(feed, look)


def newer(row: SessionRow) -> SessionRow:
    """The same session; one that was over is at work again."""
    return row._replace(last_at_ms=views.NOW) if row.state == "over" else row


def test_a_mark_beyond_the_screen_is_scrolled_to() -> None:
    assert marked(after("end", size=(60, 18))) == "dotfiles"


def test_keys_are_handed_to_the_feed() -> None:
    async def look(pilot: Pilot[None]) -> None:
        await pilot.press("t", "t", "t", "r", "p", "p")

    feed = StillFeed(News(views.BUSY))
    during(feed, look)
    assert feed.asked == [SPANS[1], SPANS[2], SPANS[0], "refresh", True, False, "stop"]


def test_paused_it_says_so_and_its_clock_stands_still() -> None:
    assert any("paused" in piece for piece in after("p"))
    assert not any("paused" in piece for piece in after("p", "p"))


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
@pytest.mark.parametrize("before", [(), ("enter",), ("question_mark",)])
def test_it_can_be_left_from_everywhere_and_stops_the_feed(key: str, before: tuple[str, ...]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await pilot.press(*before, key)

    feed = StillFeed(News(views.BUSY))
    app = during(feed, look)
    assert feed.asked == ["stop"]
    assert app.return_code == 0


def test_enter_shows_a_session_that_moves_on_and_esc_comes_back() -> None:
    async def look(pilot: Pilot[None]) -> None:
        await pilot.press("j", "enter")
        await pilot.pause()
        assert any("/home/ana/billing-service" in piece for piece in said(pilot.app))
        feed.tell(News(with_cost(views.BUSY, "/home/ana/billing-service", 1_234_560_000_000)))
        await pilot.pause()
        assert any("$1,234.56" in piece for piece in said(pilot.app))
        feed.tell(News(views.BUSY._replace(sessions=())))
        await pilot.pause()
        assert any("$1,234.56" in piece for piece in said(pilot.app)), "it is kept when it has left the span"
        await pilot.press("escape")
        await pilot.pause()
        assert any("5-hour window" in piece for piece in said(pilot.app))

    feed = StillFeed(News(views.BUSY))
    during(feed, look)


def with_cost(view: View, project: str, nano: int) -> View:
    return view._replace(
        sessions=tuple(
            row._replace(spend=row.spend._replace(cost_nano=nano)) if row.project == project else row
            for row in view.sessions
        )
    )


def test_enter_without_a_session_does_nothing() -> None:
    assert any("The ledger is empty." in piece for piece in after("enter", news=News(views.EMPTY)))


def test_a_session_is_opened_by_two_clicks() -> None:
    async def look(pilot: Pilot[None]) -> None:
        await pilot.click(Sessions, offset=(5, Sessions.HEADS + 3))
        assert marked(said(pilot.app)) == "infra"
        await pilot.click(Sessions, offset=(5, Sessions.HEADS + 3), times=2)
        await pilot.pause()
        assert any("/home/ana/infra" in piece for piece in said(pilot.app))

    during(StillFeed(News(views.BUSY)), look)


SIZES = ((1, 1), (60, 18), (76, 22), (200, 60))


def test_it_fits_every_terminal() -> None:
    async def look(pilot: Pilot[None]) -> None:
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            for keys in ((), ("enter",), ("escape",)):
                await pilot.press(*keys)
                await pilot.pause()
                assert lines_of(pilot.app.export_screenshot()) <= height, (width, height, keys)

    during(StillFeed(News(views.UNPRICED._replace(limits=views.LIMITS))), look)


def lines_of(svg: str) -> int:
    """How many lines of text a picture has."""
    return len(set(re.findall(r'y="([\d.]+)" textLength', svg)))


def test_a_mistake_of_ours_ends_it_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        feed.tell(News(views.BUSY._replace(bars=None)))
        await pilot.pause()

    feed = StillFeed(News(views.BUSY))
    with pytest.raises(TypeError):  # the pilot hands it on; a person is told in a line
        during(feed, look)
    assert feed.asked == ["stop"]
    assert capsys.readouterr().err == ""
