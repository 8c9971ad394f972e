"""The pictures of the view that are kept beside the tests; `python -m tests.cli.tui.pictures` draws them anew.

Whoever draws them anew looks at each of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ccledger.cli.tui.news import News
from ccledger.cli.tui.view import SPANS
from tests.cli.tui import views
from tests.cli.tui.shown import WIDE, picture

FOLDER = Path(__file__).with_name("pictures")
TROUBLE = "the ledger can't be used (disk I/O error); check the disk that holds the data directory"


class Picture(NamedTuple):
    """What is shown, on how large a screen, after which keys."""

    news: News
    size: tuple[int, int] = WIDE
    keys: tuple[str, ...] = ()


PICTURES: Mapping[str, Picture] = {
    "opening": Picture(News(activity="reading 34 % of 1,204 MB")),
    "empty": Picture(News(views.EMPTY)),
    "busy": Picture(News(views.BUSY)),
    "limits": Picture(News(views.SUBSCRIBED)),
    "limits-stale": Picture(News(views.STALE), (80, 24)),
    "unpriced": Picture(News(views.UNPRICED), WIDE, ("s", "j")),
    "month-paused": Picture(News(views.month(SPANS[2])), (120, 36), ("p",)),
    "trouble": Picture(News(views.month(SPANS[1]), problem=TROUBLE), (80, 24)),
    "help": Picture(News(views.BUSY), (80, 24), ("question_mark",)),
    "session": Picture(News(views.BUSY), WIDE, ("j", "enter")),
    "session-narrow": Picture(News(views.UNPRICED), (60, 18), ("down", "enter")),
    "narrow": Picture(News(views.SUBSCRIBED), (60, 18), ("end",)),
    "tall": Picture(News(views.SUBSCRIBED), (60, 44)),
}


def path_of(name: str) -> Path:
    """Where a picture is kept."""
    return FOLDER / f"{name}.svg"


def draw(name: str) -> str:
    """Draw a picture."""
    news, size, keys = PICTURES[name]
    return picture(news, size, *keys)


def main() -> int:
    """Draw all pictures anew."""
    os.environ.pop("NO_COLOR", None)
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        path_of(name).write_text(draw(name), encoding="utf-8")
        sys.stdout.write(f"{path_of(name).relative_to(Path.cwd())}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
