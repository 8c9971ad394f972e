"""Finds out how a Claude directory pays: by subscription or by API key; it reads names of fields, never credentials."""

import json
from pathlib import Path
from typing import Any, cast

_FILES = (".claude.json", ".config.json")
_LARGEST = 16 << 20


def detect_billing(root: str, home: Path) -> str:
    """`subscription`, `api` or `unknown` for the Claude directory `root`.

    Claude Code keeps the signed-in account in `.claude.json`, inside a directory named by `CLAUDE_CONFIG_DIR` or beside
    `~/.claude`; an account with a Pro, Max, Team or Enterprise seat is billed by subscription.
    """
    places = [Path(root) / name for name in _FILES]
    if Path(root).resolve() in ((home / ".claude").resolve(), (home / ".config" / "claude").resolve()):
        places.append(home / ".claude.json")
    for place in places:
        state = _read(place)
        if state:
            return _billing(state)
    return "unknown"


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            return {}
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


def _billing(state: dict[str, Any]) -> str:
    account = state.get("oauthAccount")
    if isinstance(account, dict):
        kind = str(cast("dict[str, Any]", account).get("billingType") or "")
        return "api" if "prepaid" in kind or "console" in kind else "subscription"
    if state.get("customApiKeyResponses") or state.get("primaryApiKey"):
        return "api"
    return "unknown"
