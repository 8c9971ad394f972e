"""Answers for the gateway's routes in a browser that is looked at: keys, accounts, ten million calls, signing in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from playwright.sync_api import BrowserContext, Route

EVERY = timedelta(seconds=2)
"""The time between two calls."""
MOST = 10_000_000
PASSWORD = "correct horse"
EPOCH_MS = 1_600_000_000_000
MODELS = ("claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5-20251001", "claude-fable-5-1")
PRICES = {"input": 5.0, "output": 25.0, "cache_write_5m": 6.25, "cache_write_1h": 10.0, "cache_read": 0.5}
FAILURES = (
    (429, "upstream", "rate_limit_error: this account has used up its 5-hour window"),
    (529, "upstream", "overloaded_error: overloaded"),
    (499, "client", "the client went away after 412 of the answer's bytes"),
    (403, "gateway", "the key may not ask claude-fable-5-1"),
)


def stamp(at: datetime | None) -> str | None:
    """RFC 3339, as the API writes it."""
    return at and at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Gateway:
    """What the server would know; a test changes it and looks at the page."""

    now: datetime
    keys: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    accounts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    calls: int = MOST
    arrived: int = 0
    """Calls that came after the page was opened."""
    signed_in: bool = True
    password_set: bool = True
    asked: list[str] = field(default_factory=list[str])
    said: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def answer_in(self, context: BrowserContext) -> None:
        """Answer what pages of this context ask."""
        context.route("**/api/v1/**", self._answer)

    def _answer(self, route: Route) -> None:
        request = route.request
        parts = urlsplit(request.url)
        path = parts.path.removeprefix("/api/v1/")
        query = parse_qs(parts.query)
        body: dict[str, Any] = json.loads(request.post_data or "{}")
        found = self._found(request.method, path, query, body)
        if found is None:
            route.fallback()
            return
        status, answer = found
        self.asked.append(f"{request.method} {path}{'?' + parts.query if parts.query else ''}")
        if body:
            self.said.append(body)
        route.fulfill(status=status, content_type="application/json", body=json.dumps(answer))

    def _found(
        self, method: str, path: str, query: Mapping[str, list[str]], body: dict[str, Any]
    ) -> tuple[int, Any] | None:
        head = path.partition("/")[0]
        if path in {"me", "signin", "signout"}:
            return self._session(path, body)
        if path == "stats/requests":
            return 200, self._stats()
        if path == "stats/query":
            return self._query(query)
        if head not in {"token", "account", "logs"}:
            return None
        if not self.signed_in and head != "logs":
            return 401, {"error": "Unauthorized"}
        return {"token": self._token, "account": self._account, "logs": self._logs}[head](method, path, query, body)

    def _session(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == "signin":
            if body.get("password") != PASSWORD:
                return 401, {"error": "Invalid password"}
            self.signed_in = True
            return 200, {"status": "ok", "token": "jwt", "expires_at": stamp(self.now)}
        if path == "signout":
            self.signed_in = False
            return 200, {"status": "ok"}
        how = "cookie" if self.signed_in else None
        return 200, {
            "signed_in": self.signed_in,
            "how": how,
            "password_set": self.password_set,
            "open_on_loopback": True,
        }

    def _token(self, method: str, path: str, _: Mapping[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        verb = path.split("/")[1]
        if verb == "list":
            return 200, {"tokens": self.keys}
        if verb == "generate":
            self.keys.insert(0, a_key(self.now, f"k{len(self.keys) + 1}", **body))
            return 200, {**self.keys[0], "token": "ccl-" + sha256(body["name"].encode()).hexdigest()[:40]}
        wanted = body["id"] if verb == "revoke" else verb
        key = next(each for each in self.keys if each["id"] == wanted)
        if verb == "revoke":
            key.update(revoked_at=stamp(self.now), is_valid=False)
        elif method == "DELETE":
            self.keys.remove(key)
        else:
            key.update(body)
        return 200, {**key, "message": "done"}

    def _account(self, method: str, path: str, _: Mapping[str, list[str]], body: dict[str, Any]) -> tuple[int, Any]:
        verb, *order = path.split("/")[1:]
        if verb == "list":
            return 200, self.accounts
        if verb in {"apikey", "oauth", "sessionkey"}:
            kind = {"apikey": "api-key", "oauth": "oauth", "sessionkey": "session-key"}[verb]
            known = {name: body[name] for name in ("name", "weight", "priority", "billing") if name in body}
            self.accounts.append(an_account(self.now, f"a{len(self.accounts) + 1}", type=kind, **known))
            return 201, self.accounts[-1]
        account = next(each for each in self.accounts if each["id"] == verb)
        if method == "DELETE":
            self.accounts.remove(account)
        elif method == "PUT":
            account.update(body)
        elif order[0] in {"activate", "deactivate"}:
            account["is_active"] = order[0] == "activate"
            account["state"]["status"] = "ready" if account["is_active"] else "inactive"
        return 200, {**account, "message": f"{account['name']}: {order[0] if order else 'done'}"}

    def _logs(
        self, method: str, path: str, query: Mapping[str, list[str]], _: dict[str, Any]
    ) -> tuple[int, Any] | None:
        wanted = path.removeprefix("logs/requests").strip("/")
        if wanted == "export" or method == "DELETE":
            return None
        if wanted:
            at = self.index(wanted)
            if not wanted.isdigit() or not -self.arrived <= at < self.calls or self.call(at)["id"] != wanted:
                return 404, {"error": f"there is no call {wanted}"}
            return 200, priced(self.call(at))
        return 200, self._page({name: values[0] for name, values in query.items()})

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        limit = int(query.get("limit", "50"))
        first, last = self._extent(query)
        backwards = "before" in query
        step = -1 if backwards else 1
        begin = (
            self.index(query["before"]) - 1
            if backwards
            else max(first, self.index(query["after"]) + 1 if "after" in query else first)
        )
        sort = query.get("sort", "-time")
        if sort.lstrip("-") != "time":
            return self._ranked(query, first, last, limit)
        rows: list[dict[str, Any]] = []
        at = begin
        while first <= at < last and len(rows) < limit:
            if fits(row := self.call(at), query):
                rows.append(row)
            at += step
        more = first <= at < last
        if backwards:
            rows.reverse()
        plain = not any(name in query for name in ("success", "status", "model", "token_id", "account_id"))
        return {
            "logs": rows,
            "total": last - first if plain else 120_000,
            "total_is_exact": plain,
            "page": 0,
            "limit": limit,
            "next": rows[-1]["id"] if rows and (more or backwards) else None,
            "previous": rows[0]["id"] if rows and ((backwards and more) or (not backwards and begin > first)) else None,
        }

    def _ranked(self, query: Mapping[str, str], first: int, last: int, limit: int) -> dict[str, Any]:
        """Sorted by another column, over the newest few thousand: enough to look at."""
        sort = query["sort"]
        name = {"tokens": "total_tokens", "cost": "total_cost", "status": "status_code"}[sort.lstrip("-")]
        known = [row for at in range(first, min(last, first + 2000)) if fits(row := self.call(at), query)]
        known.sort(key=lambda row: row[name] or 0, reverse=sort.startswith("-"))
        page = int(query.get("page", "0"))
        rows = known[page * limit : (page + 1) * limit]
        return {
            "logs": rows, "total": len(known), "total_is_exact": True, "page": page, "limit": limit,
            "next": None, "previous": None,
        }  # fmt: skip

    def _extent(self, query: Mapping[str, str]) -> tuple[int, int]:
        """The indexes of the range that is asked for."""
        zone = query.get("timezone", "UTC")
        first, last = -self.arrived, self.calls
        if "to_date" in query:
            first = max(first, self._at(moment(query["to_date"], zone, True)))
        if "from_date" in query:
            last = min(last, self._at(moment(query["from_date"], zone, False)))
        return first, max(first, last)

    def _at(self, moment: datetime) -> int:
        """The first call before a moment."""
        return -((moment - self.now) // EVERY)

    def index(self, call: str) -> int:
        """How many calls before now one is, by its id."""
        ms = (int(call) >> 20) + EPOCH_MS
        return round((self.now.timestamp() * 1000 - ms) / (EVERY.total_seconds() * 1000))

    def call(self, at: int) -> dict[str, Any]:
        """The call so many before now."""
        start = self.now - at * EVERY
        ms = int(start.timestamp() * 1000)
        seed = int(sha256(str(at).encode()).hexdigest()[:12], 16)
        model = MODELS[min(seed % 7 // 2, 3)]
        failure = FAILURES[seed // 31 % len(FAILURES)] if seed % 41 == 0 else None
        stream = seed % 5 > 0
        refused = failure is not None and failure[1] != "client"
        output = 0 if refused else 40 + seed % 2900
        counts = {
            "input_tokens": 0 if refused else 3 + seed % 400,
            "output_tokens": output,
            "cache_write_5m_tokens": 0 if refused or seed % 3 else seed % 5000,
            "cache_write_1h_tokens": 0 if refused or seed % 9 else seed % 3000,
            "cache_read_tokens": 0 if refused else 4000 * (seed % 40),
        }
        key = self.keys[seed % len(self.keys)] if self.keys else None
        account = self.accounts[seed % min(2, len(self.accounts))] if self.accounts else None
        duration = 180 + seed % 400 if refused else 700 + output * 11
        first_token = None if refused or not stream else 420 + seed % 1800
        cost = nano(counts, model)
        written = counts["cache_write_5m_tokens"] + counts["cache_write_1h_tokens"]
        prompt = counts["input_tokens"] + written + counts["cache_read_tokens"]
        return {
            "id": str((ms - EPOCH_MS) << 20 | 1 << 12 | at % 4096),
            "token_id": key and key["id"], "token_name": key and key["name"],
            "account_id": account and account["id"], "account_name": account and account["name"],
            "user_name": key and key["user_name"], "mode": "api", "model": model, "stream": stream,
            "endpoint": "messages", "request_at": stamp(start),
            "response_at": stamp(start + timedelta(milliseconds=duration)),
            "duration_ms": duration, "ttft_ms": first_token and min(first_token, duration),
            "prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output, **counts,
            "cache_creation_tokens": written, "web_searches": 2 if seed % 53 == 0 and not refused else 0,
            "cost_usd": cost and cost / 1e9, "cost_nano_usd": None if cost is None else str(cost),
            "total_cost": cost and cost / 1e9, "total_cost_nano": None if cost is None else str(cost),
            "status_code": failure[0] if failure else 200, "success": failure is None,
            "failed_by": failure and failure[1], "error_message": failure and failure[2],
            "attempts": 1 + (seed % 29 == 0), "session_id": f"7393f38a-39b3-5145-97eb-{seed % 12:012d}",
            "project": ("/home/mira/work/harbor-api", "/home/mira/code/翻译助手")[seed % 2], "branch": "main",
            "agent": None, "source": "gateway", "origin": "estimated" if failure and failure[0] == 499 else "measured",
            "conversation_id": None,
        }  # fmt: skip

    def _stats(self) -> dict[str, Any]:
        days: list[dict[str, Any]] = [
            {
                "date": (self.now - timedelta(days=6 - day)).date().isoformat(),
                "requests": 900 + 217 * day, "success_count": 880 + 214 * day, "error_count": 20 + 3 * day,
                "total_tokens": 41_000_000 + 3_100_000 * day, "total_cost": 31.5 + 2.25 * day,
            }
            for day in range(7)
        ]  # fmt: skip
        rate = 100 * days[6]["success_count"] / days[6]["requests"]
        today = {**{name: days[6][name] for name in days[6] if name != "date"}, "success_rate": round(rate, 2)}
        return {"today": today, "trend": days, "latest": [self.call(at - self.arrived) for at in range(10)]}

    def _query(self, query: Mapping[str, list[str]]) -> tuple[int, Any] | None:
        """Sums over calls that only this knows of; the others are the server's."""
        metrics = query.get("metrics", [""])[0]
        group = query.get("group_by", [""])[0]
        if metrics == "calls,error_calls":
            return 200, self._scrubbed(query)
        if group == "source" and metrics == "calls" and self.keys:
            return 200, {"timezone": "UTC", "rows": [{"source": "gateway", "calls": 9}], "totals": {"calls": 9}}
        if any(one.startswith("access_token:") for one in query.get("filter", [])):
            return 200, self._used(query, group)
        return None

    def _scrubbed(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        zone = query["timezone"][0]
        begin, end = (moment(query[name][0], zone, name == "end_date") for name in ("start_date", "end_date"))
        step = {"hour": timedelta(hours=1), "day": timedelta(days=1)}.get(query["grain"][0], timedelta(days=7))
        rows: list[dict[str, Any]] = []
        at = begin
        while at < min(end, self.now):
            wave = 1200 + 900 * ((at.hour * 7 + at.day * 5) % 11) // 10 - 500 * (at.weekday() > 4)
            rows.append({"start": stamp(at), "calls": wave, "error_calls": wave // 45 + 60 * (at.day % 9 == 0)})
            at += step
        return {"timezone": "UTC", "rows": rows, "totals": {"calls": 1, "error_calls": 0}}

    def _used(self, query: Mapping[str, list[str]], group: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        grained = query.get("grain", ["none"])[0] != "none"
        names = {"model": MODELS[:2], "project": ("/home/mira/work/harbor-api",)}.get(group, (None,))
        for back in range(12 if grained else 1):
            for at, name in enumerate(names):
                start = {"start": stamp(self.now - timedelta(days=back))} if grained else {}
                rows.append({**sums(40 + 7 * (back % 5) - 9 * at), **start, **({group: name} if name else {})})
        return {"timezone": "UTC", "rows": rows, "totals": sums(760), "rest": None}


def sums(calls: int) -> dict[str, Any]:
    """Totals that add up."""
    nano_each = {"input": 900_000, "output": 21_000_000, "cache_creation": 9_000_000, "cache_read": 14_000_000}
    parts = {f"{kind}_cost_nano": str(each * calls) for kind, each in nano_each.items()}
    return {
        "calls": calls, "total_tokens": 48_700 * calls, "total_cost_nano": str(sum(nano_each.values()) * calls),
        "complete": True, "input_tokens": 200 * calls, "output_tokens": 900 * calls,
        "cache_write_5m_tokens": 1600 * calls, "cache_write_1h_tokens": 2000 * calls,
        "cache_creation_tokens": 3600 * calls, "cache_read_tokens": 44_000 * calls,
        "web_search_cost_nano": "0", "cache_hit_rate": 0.92, **parts,
    }  # fmt: skip


def moment(text: str, zone: str, is_end: bool) -> datetime:
    """A date or time of a question; a plain last date is included."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone)) + timedelta(days=int(is_end))


def fits(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    """Whether a call is one of those asked for."""
    columns = {"token_id": "token_id", "account_id": "account_id", "model": "model", "session": "session_id"}
    same = all(row[column] == query[name] for name, column in columns.items() if name in query)
    status = "status" not in query or str(row["status_code"]) == query["status"]
    success = "success" not in query or row["success"] == (query["success"] == "true")
    return same and status and success


def nano(counts: Mapping[str, int], model: str) -> int | None:
    """What a call costs in nano-USD."""
    if model == MODELS[3]:
        return None
    return sum(round(counts[f"{kind}_tokens"] * price * 1000) for kind, price in PRICES.items())


def priced(call: dict[str, Any]) -> dict[str, Any]:
    """A call with the working of its cost."""
    lines = [
        {
            "kind": kind, "tokens": call[f"{kind}_tokens"], "usd_per_mtok": price,
            "cost": call[f"{kind}_tokens"] * price / 1e6,
            "cost_nano": str(round(call[f"{kind}_tokens"] * price * 1000)),
        }
        for kind, price in PRICES.items() if call[f"{kind}_tokens"]
    ]  # fmt: skip
    if call["total_cost"] is None:
        return {**call, "cost_lines": [], "price": None}
    price: dict[str, Any] = {
        "model": call["model"], "source": "https://docs.example/pricing", "starts_at": "2026-02-05T00:00:00.000Z",
        "modifiers": [],
    }  # fmt: skip
    return {**call, "cost_lines": lines, "price": price}


def a_key(now: datetime, key_id: str, /, **known: Any) -> dict[str, Any]:
    """A key as the API lists it."""
    known.pop("expires_in", None)
    return {
        "id": key_id, "name": key_id, "mode": "api", "user_name": "default", "note": "", "hint": f"ccl-{key_id}7Qx…",
        "created_at": stamp(now - timedelta(days=40)), "expires_at": None, "revoked_at": None, "last_used_at": None,
        "is_valid": True, "enable_conversation_logging": False, "models": [], "ips": [], "requests_per_minute": None,
        "tokens_per_minute": None, "concurrency": None, "total_requests": 0, "total_tokens_used": 0, "total_cost": 0,
        "total_cost_nano": "0", **known,
    }  # fmt: skip


def an_account(now: datetime, account_id: str, /, **known: Any) -> dict[str, Any]:
    """An account as the API lists it."""
    return {
        "id": account_id, "name": account_id, "type": "api-key", "base_url": "https://api.anthropic.com",
        "proxy_url": "",
        "hint": "x4Qa", "organization_id": "", "billing": "api", "weight": 1, "priority": 0, "concurrency": None,
        "is_active": True, "created_at": stamp(now - timedelta(days=90)), "expires_at": None, "last_used_at": None,
        "last_check_at": None, "health_status": "unknown", "error_count": 0, "success_count": 0,
        "state": {"status": "ready", "in_flight": 0, "cooldown_until": None, "reason": "", "windows": []}, **known,
    }  # fmt: skip


def a_busy_gateway(now: datetime) -> Gateway:
    """A team's gateway: five keys in every state, four accounts of every kind."""
    keys = [
        a_key(now, "mira", name="mira-laptop", user_name="mira", last_used_at=stamp(now - timedelta(seconds=8)),
              total_requests=48_213, total_tokens_used=2_340_118_002, total_cost=1841.22,
              total_cost_nano="1841220118000", note="Claude Code on the train"),
        a_key(now, "ci", name="ci-review", user_name="build", requests_per_minute=60, tokens_per_minute=400_000,
              concurrency=4, models=["claude-haiku-*", "claude-sonnet-5"], ips=["10.20.0.0/16"],
              last_used_at=stamp(now - timedelta(minutes=4)), total_requests=9120, total_tokens_used=188_204_112,
              total_cost=96.4, total_cost_nano="96400220000", expires_at=stamp(now + timedelta(days=51))),
        a_key(now, "web", name="翻译助手", user_name="wen", mode="both", last_used_at=stamp(now - timedelta(hours=9)),
              total_requests=311, total_tokens_used=902_114, total_cost=0.94, total_cost_nano="941200000",
              enable_conversation_logging=True),
        a_key(now, "guest", name="workshop-guests", is_valid=False, expires_at=stamp(now - timedelta(days=3)),
              total_requests=77, total_tokens_used=120_033, total_cost=0.21, total_cost_nano="211000000"),
        a_key(now, "lost", name="old-desktop", is_valid=False, revoked_at=stamp(now - timedelta(days=12)),
              total_requests=1402, total_tokens_used=31_400_220, total_cost=22.1, total_cost_nano="22100000000"),
    ]  # fmt: skip
    five, week = stamp(now + timedelta(hours=2, minutes=11)), stamp(now + timedelta(days=3))
    accounts = [
        an_account(now, "console", name="console-main", success_count=48_113, error_count=210, weight=3, concurrency=20,
                   last_check_at=stamp(now - timedelta(minutes=12)), health_status="healthy",
                   state={"status": "ready", "in_flight": 3, "cooldown_until": None, "reason": "", "windows": []}),
        an_account(now, "max", name="team-max", type="oauth", billing="subscription", hint="9fTk", success_count=8201,
                   error_count=64, last_check_at=stamp(now - timedelta(minutes=3)), health_status="healthy",
                   state={"status": "cooling", "in_flight": 0, "cooldown_until": stamp(now + timedelta(minutes=9)),
                          "reason": "429: the 5-hour window is used up",
                          "windows": [{"window": "five_hour", "used_percentage": 100, "resets_at": five,
                                       "status": "rejected"},
                                      {"window": "seven_day", "used_percentage": 61.5, "resets_at": week,
                                       "status": "allowed"}]}),
        an_account(now, "relay", name="eu-relay", base_url="https://relay.example.eu", priority=1, hint="p0Za",
                   proxy_url="http://proxy.internal:3128", success_count=12, error_count=31, health_status="unhealthy",
                   last_check_at=stamp(now - timedelta(minutes=1)),
                   state={"status": "open", "in_flight": 0, "cooldown_until": stamp(now + timedelta(seconds=24)),
                          "reason": "five failures in a row: connection refused", "windows": []}),
        an_account(now, "session", name="web-session", type="session-key", base_url="https://claude.ai", hint="Yw2e",
                   billing="subscription", is_active=False,
                   state={"status": "inactive", "in_flight": 0, "cooldown_until": None, "reason": "",
                          "windows": []}),
    ]  # fmt: skip
    return Gateway(now, keys, accounts)
