"""Reads what Claude Code hands to a status line command (JSON); it never fails: what makes no sense is not there."""

import json
from math import isfinite
from typing import Any, NamedTuple, cast

from ccledger.core.limits import Limit
from ccledger.core.money import NANO

_LATEST_S = 4_102_444_800
"""The year 2100: a reset that is later tells no time."""
_MOST_PERCENT = 1000.0
_MOST_USD = 1e9
_MOST_TOKENS = 1 << 53
_MOST_WINDOWS = 16
_LONGEST_NAME = 40


class Status(NamedTuple):
    """What is known of the session that shows the line; every part may be missing."""

    model: str = ""
    """Its name for people."""
    session: str = ""
    transcript: str = ""
    """The path of the session's transcript."""
    directory: str = ""
    """Where the session works now."""
    cost_nano: int | None = None
    """What Claude Code itself says that the session cost, in nano-USD."""
    context_percentage: float | None = None
    """How full the context window is."""
    context_tokens: int | None = None
    limits: tuple[Limit, ...] = ()


def read_status(raw: bytes) -> Status:
    """The status in the bytes of a status line's standard input; an empty one where there is none in them."""
    try:
        data: object = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return Status()
    told = _object(data)
    model, context = _object(told.get("model")), _object(told.get("context_window"))
    usd = _number(_object(told.get("cost")).get("total_cost_usd"), _MOST_USD)
    tokens = _number(context.get("total_input_tokens"), _MOST_TOKENS)
    return Status(
        model=_text(model.get("display_name")) or _text(model.get("id")),
        session=_text(told.get("session_id")),
        transcript=_text(told.get("transcript_path")),
        directory=_text(_object(told.get("workspace")).get("current_dir")) or _text(told.get("cwd")),
        cost_nano=None if usd is None else round(usd * NANO),
        context_percentage=_number(context.get("used_percentage"), _MOST_PERCENT),
        context_tokens=None if tokens is None else int(tokens),
        limits=_limits(_object(told.get("rate_limits"))),
    )


def _limits(told: dict[str, Any]) -> tuple[Limit, ...]:
    found = (_limit(name, _object(value)) for name, value in list(told.items())[:_MOST_WINDOWS])
    return tuple(limit for limit in found if limit is not None)


def _limit(name: str, told: dict[str, Any]) -> Limit | None:
    used = _number(told.get("used_percentage"), _MOST_PERCENT)
    if used is None or not name.isidentifier() or not name.isascii() or len(name) > _LONGEST_NAME:
        return None
    resets_at = _number(told.get("resets_at"), _LATEST_S)
    return Limit(name, used, int(resets_at * 1000) if resets_at else None)


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A text that can be written as UTF-8: lone surrogates become question marks."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _number(value: object, most: float) -> float | None:
    """A number from 0 to `most`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= most and isfinite(value) else None
