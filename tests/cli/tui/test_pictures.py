from __future__ import annotations

import re

import pytest

from ccledger.cli.tui.news import News
from tests.cli.tui import views
from tests.cli.tui.pictures import FOLDER, PICTURES, draw, path_of
from tests.cli.tui.shown import picture

REDRAW = "look at it; if it is as it should be: python -m tests.cli.tui.pictures"


@pytest.fixture(autouse=True)
def with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize("name", PICTURES)
def test_the_view_looks_as_it_did_when_somebody_looked_at_it(name: str) -> None:
    assert draw(name) == path_of(name).read_text("utf-8"), REDRAW


def test_no_picture_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(PICTURES)


def colours(svg: str) -> set[str]:
    """The colours of text; the frame around it has its own."""
    return set(re.findall(r"-r\d+ \{ fill: (#\w+)", svg))


def is_grey(colour: str) -> bool:
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return max(parts) - min(parts) < 8


def test_without_colours_it_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = picture(News(views.STALE))
    monkeypatch.setenv("NO_COLOR", "1")
    plain = picture(News(views.STALE))
    assert not all(map(is_grey, colours(coloured)))
    assert all(map(is_grey, colours(plain)))
    assert re.findall(r">([^<]+)</text>", plain) == re.findall(r">([^<]+)</text>", coloured)
