"""Writes a made-up Claude directory: months of work in several projects, the same for the same seed; it reads none.

Projects come and go, work grows, weekends are quiet, two weeks are spent in another time zone. There are sub-agents,
forks that copy their beginning, statistics of days whose transcripts are gone, and one session that is still running.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from ccledger.core.prices import PriceBook, normalise

DAYS: Final = 90
"""How far the transcripts go back."""
_STATISTICS_DAYS: Final = 45
"""How much further the statistics go back."""
_TRIP: Final = range(40, 26, -1)
"""Two weeks of work elsewhere, in days before today."""
_ELSEWHERE: Final = ZoneInfo("Asia/Tokyo")
_HOURS: Final = (8, 9, 9, 10, 10, 10, 11, 11, 13, 14, 14, 15, 15, 16, 16, 17, 18, 21)
_FULL_CONTEXT: Final = 160_000
_VERSION: Final = "2.1.327"
_LONGEST_PAUSE: Final = timedelta(minutes=4)

_ASKED: Final = (
    "Why does the checkout test hang?",
    "Move the retry into the client and keep the tests green.",
    "Write the migration for the new price table.",
    "The chart jumps when the range changes. Find out why.",
    "Review this branch before I merge it.",
    "Make the import twice as fast; measure before and after.",
)
_TOOLS: Final = ("Read", "Grep", "Edit", "Bash", "Write")

ModelAt = Callable[[str, datetime], str]
"""The name of the model that a family (`opus`, `sonnet`, `haiku`) stands for at a time."""


class _Project(NamedTuple):
    path: str
    weight: int
    share_before: float
    """How much of the time had passed when it began."""
    branches: tuple[str, ...] = ("main",)

    @property
    def folder(self) -> str:
        """The name Claude Code gives its directory."""
        return re.sub(r"[^A-Za-z0-9]", "-", self.path)


_PROJECTS: Final = (
    _Project("/home/mei/work/shop-api", 6, 0.0, ("main", "fix/checkout-timeout", "feat/price-table")),
    _Project("/home/mei/work/shop-web", 5, 0.0, ("main", "feat/dark-mode")),
    _Project("/home/mei/work/infra", 2, 0.1),
    _Project("/home/mei/notes-cli", 1, 0.3),
    _Project("/home/mei/work/ranking", 5, 0.6, ("main", "spike/embeddings")),
)


def newest_priced(book: PriceBook) -> ModelAt:
    """Picks the newest model of a family that had a price at a time, as people do who keep their tools up to date."""

    def model_at(family: str, at: datetime) -> str:
        ms = int(at.timestamp() * 1000)
        known = [
            (model.periods[0].start, model.name)
            for model in book.models
            if family in normalise(model.name).candidates[0] and any(p.start <= ms < p.end for p in model.periods)
        ]
        return max(known)[1] if known else f"claude-{family}"

    return model_at


class Conversation:
    """A transcript as Claude Code writes it: what was asked, then one line for each block of each answer."""

    def __init__(self, path: Path, session: str, project: _Project, model: str, at: datetime, rng: Random) -> None:
        self.path = path
        self.session = session
        self.project = project
        self.at = at
        self.lines: list[dict[str, Any]] = []
        self.agent: str | None = None
        self._model = model
        self._rng = rng
        self._branch = rng.choice(project.branches)
        self._context = rng.randrange(14_000, 26_000)
        self._cached = 0

    def turn(self, until: datetime) -> None:
        """A question and the calls that answer it, none after a moment."""
        self._write("user", {"role": "user", "content": self._rng.choice(_ASKED)})
        for _ in range(self._rng.randrange(2, 12)):
            self._pass_time(4, 50)
            if self.at > until:
                return
            self.call()
        self._pass_time(40, 1200)

    def call(self) -> None:
        """One call: its answer stands on several lines, the output count grows to its end."""
        rng = self._rng
        output = min(8000, int(rng.lognormvariate(6.0, 0.9)) + 20)
        usage = self._usage(output)
        message_id, request_id = f"msg_01{rng.getrandbits(104):026x}", f"req_011{rng.getrandbits(80):020x}"
        for written, block in ((output // 3, _text(rng)), (output, _tool_use(rng))):
            message = {
                "id": message_id,
                "type": "message",
                "role": "assistant",
                "model": self._model,
                "content": [block],
                "stop_reason": "tool_use" if written == output else None,
                "usage": {**usage, "output_tokens": written},
            }
            self._write("assistant", message, requestId=request_id)

    def _usage(self, output: int) -> dict[str, Any]:
        """Everything so far is read from the cache, what is new is written to it."""
        rng = self._rng
        if self._context > _FULL_CONTEXT:
            self._context, self._cached = rng.randrange(22_000, 34_000), 0
        new = min(20_000, int(rng.lognormvariate(7.2, 1.0)))
        read, written = self._cached, self._context - self._cached + new
        self._cached = self._context = self._context + new
        self._context += output
        kind = "ephemeral_5m_input_tokens" if self.agent else "ephemeral_1h_input_tokens"
        return {
            "input_tokens": rng.randrange(2, 90),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0, kind: written},
            "service_tier": "standard",
        }

    def _write(self, kind: str, message: dict[str, Any], **more: str) -> None:
        line: dict[str, Any] = {
            "parentUuid": self.lines[-1]["uuid"] if self.lines else None,
            "isSidechain": self.agent is not None,
            "userType": "external",
            "cwd": self.project.path,
            "sessionId": self.session,
            "version": _VERSION,
            "gitBranch": self._branch,
            "type": kind,
            "message": message,
            "uuid": _uuid(self._rng),
            "timestamp": self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **more,
        }
        self.lines.append(line | {"agentId": self.agent} if self.agent else line)

    def _pass_time(self, least: int, most: int) -> None:
        self.at += timedelta(milliseconds=self._rng.randrange(least * 1000, most * 1000))

    def spawn(self, model: str) -> "Conversation":
        """A sub-agent that begins now, in a file of its own below the session's."""
        agent = f"a{self._rng.getrandbits(64):016x}"
        path = self.path.with_suffix("") / "subagents" / f"agent-{agent}.jsonl"
        other = Conversation(path, self.session, self.project, model, self.at, self._rng)
        other.agent = agent
        return other

    def fork(self) -> "Conversation":
        """Another session that goes on from here: it begins with a copy of all lines."""
        session = _uuid(self._rng)
        path = self.path.with_name(f"{session}.jsonl")
        other = Conversation(path, session, self.project, self._model, self.at, self._rng)
        other.lines = [
            line | {"sessionId": session, "forkedFrom": {"sessionId": self.session, "messageUuid": line["uuid"]}}
            for line in self.lines
        ]
        other._context, other._cached = self._context, self._cached
        return other

    def save(self) -> None:
        """Appends the lines to the file and forgets them."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in self.lines)
        self.lines = []


class Maker:
    """Makes up a history that ends now."""

    def __init__(self, root: Path, *, seed: int, now: datetime, tz: tzinfo, model_at: ModelAt) -> None:
        self._root = root
        self._rng = Random(seed)  # noqa: S311 - the same seed has to give the same history; nothing here is secret
        self._now = now
        self._tz = tz
        self._model_at = model_at
        self._sums: dict[str, dict[str, int]] = {}
        self._lifetime: dict[str, dict[str, int]] = {}

    def write(self) -> Conversation:
        """Writes everything and answers the session that is still running."""
        for ago in range(DAYS, -1, -1):
            for start in self._starts(ago):
                if start < self._now - timedelta(minutes=40):
                    self._session(start, 1 - ago / DAYS)
        self._write_statistics()
        return self._running()

    def _starts(self, ago: int) -> Iterator[datetime]:
        """When the sessions of a day begin: more of them as months pass, few at weekends."""
        tz = _ELSEWHERE if ago in _TRIP else self._tz
        day = self._now.astimezone(tz).date() - timedelta(days=ago)
        busy = 2 + 4 * (1 - ago / DAYS)
        mean = busy * (0.12 if day.weekday() > 4 else 1) * (0.3 if self._rng.random() < 0.08 else 1)
        for hour in sorted(self._rng.choices(_HOURS, k=round(self._rng.gauss(mean, busy / 5)))):
            yield datetime(day.year, day.month, day.day, hour, self._rng.randrange(60), tzinfo=tz)

    def _session(self, start: datetime, passed: float) -> None:
        rng = self._rng
        projects = [project for project in _PROJECTS if project.share_before <= passed]
        (project,) = rng.choices(projects, [project.weight for project in projects])
        conversation = self._begin(project, start)
        for _ in range(rng.randrange(2, 9)):
            if conversation.at > self._now:
                break
            conversation.turn(self._now)
            if rng.random() < 0.07:
                self._agent(conversation)
        if rng.random() < 0.04:
            self._fork(conversation)
        self._save(conversation)

    def _begin(self, project: _Project, start: datetime) -> Conversation:
        model = self._model_at(self._rng.choices(("opus", "sonnet", "haiku"), (5, 4, 1))[0], start)
        session = _uuid(self._rng)
        path = self._root / "projects" / project.folder / f"{session}.jsonl"
        return Conversation(path, session, project, model, start, self._rng)

    def _agent(self, parent: Conversation) -> None:
        agent = parent.spawn(self._model_at(self._rng.choice(("haiku", "haiku", "sonnet")), parent.at))
        agent.turn(self._now)
        self._save(agent)

    def _fork(self, parent: Conversation) -> None:
        other = parent.fork()
        copied = len(other.lines)
        other.turn(self._now)
        self._count(other.lines[copied:])
        other.save()

    def _save(self, conversation: Conversation) -> None:
        self._count(conversation.lines)
        conversation.save()

    def _count(self, lines: list[dict[str, Any]]) -> None:
        """Keeps the statistics that Claude Code would keep: sums by day of UTC and model, and those of all time."""
        for line in lines:
            if line["type"] != "assistant" or line["message"]["stop_reason"] is None:
                continue
            usage, model = line["message"]["usage"], line["message"]["model"]
            kinds = {
                "inputTokens": usage["input_tokens"],
                "outputTokens": usage["output_tokens"],
                "cacheReadInputTokens": usage["cache_read_input_tokens"],
                "cacheCreationInputTokens": usage["cache_creation_input_tokens"],
            }
            self._add(line["timestamp"][:10], model, kinds)

    def _add(self, day: str, model: str, kinds: dict[str, int]) -> None:
        models = self._sums.setdefault(day, {})
        models[model] = models.get(model, 0) + sum(kinds.values())
        ever = self._lifetime.setdefault(model, dict.fromkeys(kinds, 0))
        for kind, tokens in kinds.items():
            ever[kind] += tokens

    def _write_statistics(self) -> None:
        """Claude Code's own statistics: of the days there are transcripts of, and of some before them."""
        today = self._now.astimezone(UTC).date()
        for ago in range(DAYS + _STATISTICS_DAYS, DAYS + 1, -1):
            day = today - timedelta(days=ago)
            if day.weekday() < 5:
                self._forgotten_day(day)
        days = [{"date": day, "tokensByModel": models} for day, models in sorted(self._sums.items())]
        last = (today - timedelta(days=1)).isoformat()
        statistics = {
            "version": 5,
            "lastComputedDate": last,
            "dailyModelTokensVersion": 5,
            "dailyModelTokens": [day for day in days if str(day["date"]) <= last],
            "modelUsage": self._lifetime,
        }
        (self._root / "stats-cache.json").write_text(json.dumps(statistics), "utf-8")

    def _forgotten_day(self, day: date) -> None:
        model = self._model_at("sonnet", datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
        read = self._rng.randrange(1_200_000, 7_000_000)
        kinds = {
            "inputTokens": read // 900,
            "outputTokens": read // 110,
            "cacheReadInputTokens": read,
            "cacheCreationInputTokens": read // 18,
        }
        self._add(day.isoformat(), model, kinds)

    def _running(self) -> Conversation:
        start = self._now - timedelta(minutes=self._rng.randrange(12, 30))
        conversation = self._begin(_PROJECTS[0], start)
        while conversation.at < self._now - _LONGEST_PAUSE:
            conversation.turn(self._now)
        conversation.at = self._now
        conversation.call()
        conversation.save()
        return conversation


def go_on(conversation: Conversation, now: datetime) -> None:
    """Appends one more call to a running session."""
    conversation.at = now
    conversation.call()
    conversation.save()


def _text(rng: Random) -> dict[str, Any]:
    return {"type": "text", "text": f"Next: {rng.choice(_ASKED).lower()}"}


def _tool_use(rng: Random) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_01{rng.getrandbits(88):022x}", "name": rng.choice(_TOOLS), "input": {}}


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))
