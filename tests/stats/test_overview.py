"""Every figure of the first page against a plain count over the calls, in zones and on days that are not simple."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ccledger.core.call import Billing, Fact, Outcome, Place, Source, Usage
from ccledger.core.periods import iso
from ccledger.stats.lifetime import Lifetime
from ccledger.stats.overview import figures
from tests.stats.facts import UNPRICED, fact, ledger, price
from tests.stats.test_moments import HOUR, MINUTE, clock, first, moments

MODELS = ["claude-opus-4-5", "claude-haiku-4-5", UNPRICED]
COSTS = ("input_cost", "output_cost", "cache_creation_cost", "cache_read_cost", "web_search_cost")


@st.composite
def ages(draw: st.DrawFn) -> int:
    """How long before now a call started: most often where something is decided."""
    decisive = [0, 2 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 23 * HOUR, 24 * HOUR, 25 * HOUR, 48 * HOUR, 168 * HOUR]
    near = draw(st.sampled_from(decisive)) + draw(st.integers(-2, 2))
    return draw(st.one_of(st.just(near), st.integers(-30 * MINUTE, 3 * HOUR), st.integers(0, 200 * HOUR)))


places = st.builds(
    Place,
    source=st.just(Source.TRANSCRIPT),
    session=st.sampled_from([None, "s1", "s2", "s3"]),
    project=st.sampled_from([None, "/home/u/app", "/home/u/other", "/srv/x"]),
    folder=st.sampled_from([None, "-home-u-app", "-x"]),
    branch=st.sampled_from([None, "main", "fix"]),
    agent=st.sampled_from([None, None, "a1", "a2"]),
    billing=st.sampled_from([Billing.API, Billing.SUBSCRIPTION]),
)
usages = st.builds(Usage, *[st.integers(0, 10**6)] * 5, st.integers(0, 3))


@st.composite
def histories(draw: st.DrawFn, now: int) -> list[Fact]:
    """Calls, each at a moment of its own, so that "the newest" is one."""
    started = draw(st.lists(ages(), max_size=22, unique=True))
    return [
        fact(
            str(number),
            now - age,
            model=draw(st.sampled_from(MODELS)),
            usage=draw(usages),
            place=draw(places),
            outcome=draw(st.sampled_from([Outcome.OK, Outcome.OK, Outcome.ERROR])),
            complete=draw(st.booleans()),
        )
        for number, age in enumerate(started)
    ]


def started(call: Fact) -> int:
    return call.timing.started_at


def costs_of(call: Fact) -> tuple[int, ...] | None:
    assert call.reading is not None
    cost = price(call.reading, 0)
    if cost is None:
        return None
    return (cost.input, cost.output, cost.cache_creation, cost.cache_read, cost.web_search)


def usage_of(call: Fact) -> Usage:
    assert call.reading is not None
    return call.reading.usage


def model_of(call: Fact) -> str:
    assert call.reading is not None
    return call.reading.model


def cost(calls: list[Fact]) -> int | None:
    known = [sum(costs) for costs in map(costs_of, calls) if costs is not None]
    return None if calls and not known else sum(known)


def tokens(calls: Iterable[Fact]) -> int:
    return sum(usage_of(call).total_tokens for call in calls)


def text(nano: int | None) -> str | None:
    return None if nano is None else str(nano)


def costs_by_kind(calls: list[Fact]) -> dict[str, int | None]:
    known = [costs for costs in map(costs_of, calls) if costs is not None]
    sums: list[int | None] = [sum(costs[kind] for costs in known) for kind in range(5)]
    return dict(zip(COSTS, sums if known or not calls else [None] * 5, strict=True))


def plain_totals(calls: list[Fact]) -> dict[str, Any]:
    """The contract's totals, counted one by one."""
    usage = [usage_of(call) for call in calls]
    by_kind = costs_by_kind(calls)
    unpriced = [call for call in calls if costs_of(call) is None]
    subscribed = [call for call in calls if call.place is not None and call.place.billing == Billing.SUBSCRIPTION]
    read, fresh = sum(u.cache_read_tokens for u in usage), sum(u.input_tokens for u in usage)
    short, long = sum(u.cache_write_5m_tokens for u in usage), sum(u.cache_write_1h_tokens for u in usage)
    whole = cost(calls)
    return {
        "calls": len(calls),
        "error_calls": sum(call.timing.outcome == Outcome.ERROR for call in calls),
        "unpriced_calls": len(unpriced),
        "estimated_calls": 0,
        "partial_calls": sum(call.reading is not None and not call.reading.complete for call in calls),
        "input_tokens": fresh,
        "output_tokens": sum(u.output_tokens for u in usage),
        "cache_write_5m_tokens": short,
        "cache_write_1h_tokens": long,
        "cache_creation_tokens": short + long,
        "cache_read_tokens": read,
        "total_tokens": tokens(calls),
        "web_searches": sum(u.web_searches for u in usage),
        **{name: None if nano is None else nano / 10**9 for name, nano in by_kind.items()},
        **{f"{name}_nano": text(nano) for name, nano in by_kind.items()},
        "total_cost": None if whole is None else whole / 10**9,
        "total_cost_nano": text(whole),
        "equivalent_cost_nano": str(cost(subscribed) or 0),
        "cache_hit_rate": read / (read + fresh) if read + fresh else 0.0,
        "complete": not unpriced,
    }


def plain_point(start: int, calls: list[Fact]) -> dict[str, Any]:
    inside = plain_totals([call for call in calls if start <= started(call) < start + HOUR])
    counts = ("calls", "input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")
    return {"start": iso(start), **{name: inside[name] for name in [*counts, *(f"{kind}_nano" for kind in COSTS)]}}


def plain_session(name: str, calls: list[Fact], now: int) -> dict[str, Any]:
    calls = sorted(calls, key=started)
    models = {model_of(call) for call in calls}
    of = {model: [call for call in calls if model_of(call) == model] for model in models}
    place = calls[-1].place
    assert place is not None
    return {
        "session_id": name,
        "project": place.project or place.folder or "",
        "branch": place.branch,
        "models": sorted(models, key=lambda model: (-(cost(of[model]) or 0), -tokens(of[model]), model)),
        "state": "active" if started(calls[-1]) >= now - 2 * MINUTE else "idle",
        "started_at": iso(started(calls[0])),
        "last_call_at": iso(started(calls[-1])),
        "subagents": len({call.place.agent for call in calls if call.place and call.place.agent}),
        "totals": plain_totals(calls),
    }


def plain_sessions(calls: list[Fact], now: int) -> list[dict[str, Any]]:
    names = {call.place.session for call in calls if call.place is not None and call.place.session}
    found: list[tuple[int, dict[str, Any]]] = []
    for name in names:
        own = [call for call in calls if call.place is not None and call.place.session == name]
        last = max(map(started, own))
        if now - 30 * MINUTE <= last <= now + 2 * MINUTE:
            found.append((last, plain_session(name, own, now)))
    return [session for _, session in sorted(found, key=lambda entry: -entry[0])]


def plain_movers(day: list[Fact], before: list[Fact]) -> list[dict[str, Any]]:
    def project(call: Fact) -> str | None:
        return None if call.place is None else call.place.project or call.place.folder

    found: list[tuple[int, str, dict[str, Any]]] = []
    for name in {project(call) for call in day + before}:
        now, then = ([call for call in calls if project(call) == name] for calls in (day, before))
        if name is not None:
            change = abs((cost(now) or 0) - (cost(then) or 0))
            words = {"project": name, "today": plain_totals(now), "yesterday_same_time": plain_totals(then)}
            found.append((-change, name, words))
    return [words for _, _, words in sorted(found, key=lambda entry: entry[:2])][:5]


def plain_figures(calls: list[Fact], tz: ZoneInfo, now: int, hours: int) -> dict[str, Any]:
    """The first page by the contract, without any roll-up."""
    local = clock(now, tz)
    day = [call for call in calls if clock(started(call), tz).date() == local.date()]
    midnight = first(now - 52 * HOUR, [0], lambda ms: clock(ms, tz).date() >= local.date() - timedelta(days=1))
    same = first(midnight, [0, now % MINUTE], lambda ms: clock(ms, tz) >= local - timedelta(days=1))
    before = [call for call in calls if midnight <= started(call) <= same]
    hour = [call for call in calls if now - HOUR <= started(call) <= now]
    pace, spent = cost(hour), cost(day)
    end = first(now, [0], lambda ms: clock(ms, tz).date() > local.date())
    last = now - (local.minute * MINUTE + local.second * 1000 + now % 1000)
    sessions = {call.place.session for call in calls if call.place is not None} - {None}
    unpriced = [call for call in calls if costs_of(call) is None]
    return {
        "ledger": {
            "calls": len(calls),
            "sessions": len(sessions),
            "first_call_at": iso(min(map(started, calls))) if calls else None,
            "last_call_at": iso(max(map(started, calls))) if calls else None,
        },
        "today": plain_totals(day),
        "yesterday_same_time": plain_totals(before),
        "burn": {
            "window_minutes": 60,
            "cost_nano_per_hour": text(pace),
            "tokens_per_minute": round(tokens(hour) / 60),
            "projected_day_cost_nano": None
            if pace is None or spent is None
            else str(spent + pace * (end - now) // HOUR),
        },
        "series": {
            "grain": "hour",
            "points": [plain_point(last - back * HOUR, calls) for back in reversed(range(hours))],
        },
        "sessions": plain_sessions(calls, now),
        "movers": plain_movers(day, before),
        "unpriced": [{"model": UNPRICED, "calls": len(unpriced), "total_tokens": tokens(unpriced)}] if unpriced else [],
    }


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_every_figure_is_a_plain_count(data: st.DataObject) -> None:
    name, now = data.draw(moments())
    calls = data.draw(histories(now))
    kept_in = data.draw(st.sampled_from(["UTC", "Asia/Kathmandu", "America/New_York"]))
    hours = data.draw(st.sampled_from([24, 168]))
    with TemporaryDirectory() as folder:
        store = ledger(Path(folder), kept_in)
        half = len(calls) // 2
        store.append(calls[:half], {}, now=now)
        lifetime = Lifetime(store)
        lifetime.models()
        store.append(calls[half:], {}, now=now)
        found = msgspec.to_builtins(figures(store, lifetime.models(), ZoneInfo(name), now, hours))
        store.close()
    expected = plain_figures(calls, ZoneInfo(name), now, hours)
    assert found.keys() == expected.keys()
    for part, value in expected.items():
        assert found[part] == value, part


def test_at_most_twenty_sessions_and_five_movers_are_shown(tmp_path: Path) -> None:
    now = 1_795_168_800_000
    store = ledger(tmp_path)
    calls = [
        fact(
            str(number),
            now - number * 1000,
            usage=Usage(number),
            place=Place(Source.TRANSCRIPT, f"s{number}", f"/p{number}"),
        )
        for number in range(25)
    ]
    store.append(calls, {}, now=now)
    found = figures(store, Lifetime(store).models(), ZoneInfo("UTC"), now, 24)
    store.close()
    assert [session.session_id for session in found.sessions] == [f"s{number}" for number in range(20)]
    assert [mover.project for mover in found.movers] == ["/p24", "/p23", "/p22", "/p21", "/p20"]


def test_a_session_is_active_for_two_minutes_and_idle_for_thirty(tmp_path: Path) -> None:
    now = 1_795_168_800_000
    store = ledger(tmp_path)
    ages = {"new": 0, "two": 2 * MINUTE, "after two": 2 * MINUTE + 1, "thirty": 30 * MINUTE, "over": 30 * MINUTE + 1}
    calls = [fact(name, now - age, place=Place(Source.TRANSCRIPT, name)) for name, age in ages.items()]
    store.append(calls, {}, now=now)
    found = figures(store, Lifetime(store).models(), ZoneInfo("UTC"), now, 24)
    store.close()
    assert {session.session_id: session.state for session in found.sessions} == {
        "new": "active",
        "two": "active",
        "after two": "idle",
        "thirty": "idle",
    }
