"""How tests look at the view: an application with a feed of their own, and its picture."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from ccledger.cli.tui.app import LiveApp
from ccledger.cli.tui.asks import asks_of
from ccledger.cli.tui.news import News
from ccledger.cli.tui.view import TODAY, Question, Span
from tests.cli.tui import views

WIDE = (100, 32)


class StillFeed:
    """A feed whose news are told by the test, and that remembers what it was asked for."""

    def __init__(self, news: News) -> None:
        self.news = news
        self.asked: list[object] = []
        self.tell: Callable[[News], None] = lambda _: None

    def start(self, show: Callable[[News], None]) -> None:
        self.tell = show
        show(self.news)

    def stop(self) -> None:
        self.asked.append("stop")

    def look_at(self, span: Span) -> None:
        self.asked.append(span)

    def pause(self, *, paused: bool) -> None:
        self.asked.append(paused)

    def refresh(self) -> None:
        self.asked.append("refresh")


def live(feed: StillFeed) -> LiveApp:
    """The view at a fixed time."""
    return LiveApp(feed, Question(views.ZONE, views.TZ, TODAY, asks_of(list)), lambda: views.NOW)


def during(feed: StillFeed, act: Callable[[Pilot[None]], Awaitable[Any]], size: tuple[int, int] = WIDE) -> LiveApp:
    """Run the view, do something with it, and end it. Raises what it failed of."""
    app = live(feed)

    async def acted() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await act(pilot)

    asyncio.run(acted())
    return app


def picture(news: News, size: tuple[int, int] = WIDE, *keys: str) -> str:
    """The view as SVG after some keys."""
    pictures: list[str] = []

    async def look(pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        await pilot.pause()
        pictures.append(pilot.app.export_screenshot(title="ccledger live"))

    during(StillFeed(news), look, size)
    return pictures[0]


def said(app: App[None]) -> list[str]:
    """The pieces of text on the screen, from the top."""
    svg = app.export_screenshot()
    return [html.unescape(piece).replace("\xa0", " ") for piece in re.findall(r">([^<]+)</text>", svg)]
