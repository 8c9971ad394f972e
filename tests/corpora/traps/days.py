"""Traps in the day a call belongs to; the counts are plain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ..records import Maker

AWKWARD_ZONES = ("Asia/Kolkata", "Asia/Kathmandu", "Australia/Eucla", "Pacific/Chatham", "America/St_Johns")
DST_ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Australia/Sydney")


def around(maker: Maker, moments: Iterable[datetime]) -> None:
    """Write an answer just before, at and just after some moments."""
    session = maker.session()
    for moment in moments:
        for offset in (-0.001, 0.0, 0.001):
            session.now = moment + timedelta(seconds=offset)
            session.answer(outputs=[100], seconds=0)
    session.save()


def midnight_lines(maker: Maker) -> None:
    """The lines of an answer stand on both sides of midnight, UTC and in zones with odd offsets."""
    session = maker.session()
    for zone in ("UTC", *AWKWARD_ZONES):
        session.now = datetime(2026, 10, 13, tzinfo=ZoneInfo(zone)) - timedelta(seconds=3)
        session.answer(outputs=[1, 1, 100], seconds=2)
        session.answer(outputs=[100, 100], seconds=2)
    session.save()


def awkward_zones(maker: Maker) -> None:
    """Midnight in zones whose offset is not a whole hour."""
    around(maker, (datetime(2026, 10, 20, tzinfo=ZoneInfo(zone)) for zone in AWKWARD_ZONES))


def dst_days(maker: Maker) -> None:
    """Both ends of the days on which clocks change."""
    days = ((2026, 10, 4), (2026, 10, 25), (2026, 11, 1), (2026, 11, 2))
    around(maker, (datetime(*day, tzinfo=ZoneInfo(zone)) for zone in DST_ZONES for day in days))


def odd_timestamps(maker: Maker) -> None:
    """Timestamps in the other forms that RFC 3339 allows."""
    session = maker.session()
    forms = (
        "2026-10-09T10:11:12Z",
        "2026-10-09T10:11:12.123456Z",
        "2026-10-09T23:30:00.000-07:00",
        "2026-10-09T02:00:00.000+05:45",
    )
    for form in forms:
        session.answer(outputs=[100], top={"timestamp": form})
    session.save()


def no_timestamp(maker: Maker) -> None:
    """Lines without a usable time belong to no day; another line of the same answer may have one."""
    session = maker.session()
    for value in (None, "", "yesterday", 1_790_000_000, "2026-13-45T00:00:00Z"):
        session.answer(outputs=[100], top={"timestamp": value})
    session.turn()
    session.save()


TRAPS: Mapping[str, Callable[[Maker], None]] = {
    trap.__name__: trap for trap in (midnight_lines, awkward_zones, dst_days, odd_timestamps, no_timestamp)
}
