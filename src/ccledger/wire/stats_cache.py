"""Reads Claude Code's own statistics (`stats-cache.json`) into day totals; it never opens a file and trusts no number.

The file has one sum per model and day. Older versions sum input and output, newer ones all four kinds; which it is
says `dailyModelTokensVersion`, or that the days together are more than the input and output of all time. The sum is
split into kinds as the model's lifetime counts are, so that the parts add up to it exactly. Entries that make no sense
are left out and counted; versions nobody has seen yet are read as far as they look the same.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from ccledger.core.cached import CachedDay
from ccledger.core.call import Usage
from ccledger.core.errors import NotReadable
from ccledger.core.periods import day_number

_SIGNS = frozenset({"version", "lastComputedDate", "dailyActivity", "dailyModelTokens", "modelUsage"})
"""Any of these keys makes it Claude Code's own file."""
_LIFETIME = ("inputTokens", "outputTokens", "cacheCreationInputTokens", "cacheReadInputTokens")
_SIMPLE = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")
_WITH_CACHE = 5
"""From this `dailyModelTokensVersion` on, sums hold all four kinds."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FIRST_DAY = date(2020, 9, 13)
"""Before there was a Claude: a date that says so is wrong."""
_LARGEST = 1 << 62
_MOST_DIGITS = 40
_LONGEST_NAME = 200

_Kinds = tuple[int, int, int, int]
"""Input, output, cache writes, cache reads."""


class StatsCache(NamedTuple):
    """What such a file tells."""

    version: int
    """0 where the file names none."""
    computed_on: int
    """The last day it counts, in days since 1970-01-01; 0 when it has none."""
    days: tuple[CachedDay, ...]
    """By day and model, none twice."""
    left_out: int
    """Entries that made no sense."""


class _Sum(NamedTuple):
    day: int
    model: str
    tokens: int


def read_stats_cache(data: bytes, *, today: date, written_on: date) -> StatsCache:
    """What the bytes of such a file tell; `written_on` is the day of counts that have no date of their own.

    Days after `today` are wrong, one day apart: Claude Code's are of UTC. Also understood: counts by model without
    days, `{model: {input_tokens, output_tokens, …}}`. Raises `NotReadable` for everything else, and for nothing else.
    """
    tree = _parse(data)
    if _SIGNS & tree.keys():
        return _statistics(tree, today + timedelta(days=1))
    return _simple(tree, day_number(written_on))


def _parse(data: bytes) -> dict[str, Any]:
    if not data.strip():
        raise NotReadable("it is empty")
    try:
        tree = json.loads(data, parse_int=_whole, parse_float=_rounded, parse_constant=_nothing)
    except RecursionError:
        raise NotReadable("it is nested too deeply") from None
    except ValueError as error:
        raise NotReadable(f"it is not JSON ({str(error)[:100]})") from None
    if not isinstance(tree, dict):
        raise NotReadable("it is JSON, but no object")
    return cast("dict[str, Any]", tree)


def _whole(text: str) -> int | None:
    return int(text) if len(text) <= _MOST_DIGITS else None


def _rounded(text: str) -> int | None:
    number = float(text)
    return int(number) if math.isfinite(number) else None


def _nothing(_: str) -> None:
    """NaN and the infinities are no counts."""


def _statistics(tree: Mapping[str, Any], latest: date) -> StatsCache:
    sums, left_out = _sums(tree.get("dailyModelTokens"), latest)
    lifetime = _kinds_by_model(tree.get("modelUsage"), _LIFETIME)
    with_cache = _counts_cache(tree, sums, lifetime)
    weights = _Weights(lifetime, with_cache=with_cache)
    days = tuple(CachedDay(day, model, _usage(weights.split(model, tokens)), with_cache) for day, model, tokens in sums)
    computed_on = _day(tree.get("lastComputedDate"), latest) or max((entry.day for entry in sums), default=0)
    return StatsCache(_count(tree.get("version")) or 0, computed_on, days, left_out)


def _simple(tree: Mapping[str, Any], day: int) -> StatsCache:
    models = tree["models"] if isinstance(tree.get("models"), dict) else tree
    counted = {model: kinds for model, kinds in _kinds_by_model(models, _SIMPLE).items() if any(kinds)}
    if not counted:
        raise NotReadable("it holds neither Claude Code's statistics nor token counts by model")
    days = tuple(CachedDay(day, model, _usage(kinds)) for model, kinds in sorted(counted.items()) if _is_name(model))
    return StatsCache(0, day, days, len(models) - len(days))


def _sums(days: Any, latest: date) -> tuple[list[_Sum], int]:
    """The sums by day and model, and how many entries make no sense. Of two for the same, the larger one holds."""
    found: dict[tuple[int, str], int] = {}
    left_out = 0
    for day, model, tokens in _entries(days, latest):
        if day is None or tokens is None or not _is_name(model):
            left_out += 1
        elif tokens:
            found[day, model] = max(tokens, found.get((day, model), 0))
    return [_Sum(day, model, tokens) for (day, model), tokens in sorted(found.items())], left_out


def _entries(days: Any, latest: date) -> Iterator[tuple[int | None, str, int | None]]:
    """Every entry as day, model and tokens; None for what makes no sense."""
    if days is None:
        return
    for entry in _list(days):
        fields = _object(entry)
        day, models = _day(fields.get("date"), latest), fields.get("tokensByModel")
        if not isinstance(models, dict):
            yield None, "", None
            continue
        for model, tokens in _object(models).items():
            yield day, model, _count(tokens)


def _counts_cache(tree: Mapping[str, Any], sums: Iterable[_Sum], lifetime: Mapping[str, _Kinds]) -> bool:
    """Whether the sums hold cache tokens, too: the file says so, or they are more than could be otherwise."""
    if (_count(tree.get("dailyModelTokensVersion")) or 0) >= _WITH_CACHE:
        return True
    without = sum(kinds[0] + kinds[1] for kinds in lifetime.values())
    return 0 < without < sum(entry.tokens for entry in sums)


def _kinds_by_model(models: Any, names: Sequence[str]) -> dict[str, _Kinds]:
    return {model: _kinds(_object(counts), names) for model, counts in _object(models).items()}


def _kinds(counts: Mapping[str, Any], names: Sequence[str]) -> _Kinds:
    fresh, output, written, read = (_count(counts.get(name)) or 0 for name in names)
    return fresh, output, written, read


class _Weights:
    """In which proportions a model's sums are split: as its lifetime counts, else as those of all models."""

    def __init__(self, lifetime: Mapping[str, _Kinds], *, with_cache: bool) -> None:
        self._kinds = 4 if with_cache else 2
        self._models = lifetime
        self._all = [sum(column) for column in zip(*lifetime.values(), strict=True)]

    def split(self, model: str, tokens: int) -> _Kinds:
        """The tokens by kind; all of them are input where the file has no counts to go by."""
        own = self._models.get(model, ())[: self._kinds]
        weights = own if any(own) else self._all[: self._kinds]
        parts = split_exactly(tokens, weights if any(weights) else (1,))
        fresh, output, written, read = (*parts, 0, 0, 0)[:4]
        return fresh, output, written, read


def split_exactly(amount: int, weights: Sequence[int]) -> list[int]:
    """Parts of an amount in proportion to weights that add up to it exactly (largest remainder; ties to the first)."""
    whole = sum(weights)
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: -(amount * weights[place] % whole))
    for place in by_remainder[: amount - sum(parts)]:
        parts[place] += 1
    return parts


def _usage(kinds: _Kinds) -> Usage:
    fresh, output, written, read = kinds
    return Usage(fresh, output, cache_write_1h_tokens=written, cache_read_tokens=read)


def _day(text: Any, latest: date) -> int | None:
    """The number of a day as the file writes it; None for what is no date that can be right."""
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day_number(day) if _FIRST_DAY <= day <= latest else None


def _count(value: Any) -> int | None:
    """A count; None for what is none, or more than can be kept."""
    return value if type(value) is int and 0 <= value <= _LARGEST else None


def _is_name(model: str) -> bool:
    """Whether a text can be a model's name: short, and fit to be stored and shown."""
    return 0 < len(model) <= _LONGEST_NAME and model.isprintable()


def _object(value: Any) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [None]
