"""Makes Claude Code histories that end now, as a person's would; it never says what they add up to."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

FURTHEST_EAST = 14
"""Hours; the largest distance from UTC that has a name."""
OPUS, SONNET, HAIKU = "claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5-20251001"


@dataclass(frozen=True)
class Project:
    """Where somebody works: a directory, the branches worked on, and how much of the work happens here."""

    path: str
    branches: tuple[str, ...] = ("main",)
    share: float = 1.0


PROJECTS = (
    Project("/home/mira/work/harbor-api", ("main", "fix/retry-budget", "feat/webhooks"), 5),
    Project("/home/mira/work/tidepool-web", ("main", "feat/offline-queue"), 4),
    Project("/home/mira/work/lantern-infra", ("main", "chore/terraform-1.9"), 2),
    Project("/home/mira/code/notebooks", ("main",), 1.5),
    Project("/home/mira/code/dotfiles", ("main",), 0.6),
    Project("/home/mira/code/翻译助手", ("main", "feat/词库"), 1.2),
)
MODELS: Sequence[tuple[str, float]] = (
    (OPUS, 10),
    (SONNET, 7),
    ("claude-opus-4-8", 2),
    ("claude-fable-5-1", 1),
    ("claude-sonnet-4-6", 1),
)


class Transcript:
    """The file of one session, or of a sub-agent, that grows by an answer at a time."""

    def __init__(
        self, claude: Path, session: str, project: Project = PROJECTS[0], *, branch: str = "main", agent: str = ""
    ) -> None:
        folder = claude / "projects" / project.path.replace("/", "-").replace(".", "-")
        inside = Path(session, "subagents", f"agent-{agent}.jsonl") if agent else Path(f"{session}.jsonl")
        self.path = folder / inside
        self._session, self._project, self._branch, self._agent = session, project, branch, agent
        self._answers = 0

    def answer(
        self,
        at: datetime,
        *,
        model: str = OPUS,
        prompt: int = 12,
        output: int = 400,
        read: int = 40_000,
        write_5m: int = 0,
        write_1h: int = 2_000,
    ) -> None:
        """Append one answer, on disk when this returns."""
        self._answers += 1
        name = sha256(f"{self._session}:{self._agent}:{self._answers}".encode()).hexdigest()
        usage = {
            "input_tokens": prompt,
            "cache_creation_input_tokens": write_5m + write_1h,
            "cache_read_input_tokens": read,
            "output_tokens": output,
            "cache_creation": {"ephemeral_1h_input_tokens": write_1h, "ephemeral_5m_input_tokens": write_5m},
            "service_tier": "standard",
        }
        message = {
            "model": model,
            "id": f"msg_01{name[:22]}",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": "Done."}],
            "stop_reason": "end_turn",
            "usage": usage,
        }
        record = {
            "parentUuid": None,
            "isSidechain": bool(self._agent),
            **({"agentId": self._agent} if self._agent else {}),
            "cwd": self._project.path,
            "sessionId": self._session,
            "version": "2.1.327",
            "gitBranch": self._branch,
            "type": "assistant",
            "message": message,
            "requestId": f"req_011{name[22:43]}",
            "uuid": f"{name[:8]}-{name[8:12]}-4{name[12:15]}-a{name[15:18]}-{name[18:30]}",
            "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def zone_where(now: datetime, *, hour: int = 12) -> str:
    """A time zone in which it is about that hour; at noon, today neither begins nor ends while somebody looks."""
    ahead = hour - now.astimezone(UTC).hour
    ahead -= 24 if ahead > FURTHEST_EAST else 0
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


def write_history(claude: Path, now: datetime, *, seed: int, days: int, sessions_per_day: int) -> None:
    """Write the past days, then sessions that still run: two at work, one idle, one of them with sub-agents."""
    rng = Random(seed)
    for back in range(days, -1, -1):
        for _ in range(rng.randint(sessions_per_day // 2, sessions_per_day)):
            begin = now - timedelta(days=back) + timedelta(hours=rng.triangular(-9, 5, -3))
            last = begin + timedelta(minutes=rng.lognormvariate(3.3, 0.6))
            if last < now - timedelta(minutes=40):
                write_session(claude, rng, begin, last, pick_project(rng))
    running = zip(rng.sample(PROJECTS[:4], 3), ((95, 8, 3), (31, 55, 0), (52, 700, 0)), strict=True)
    for project, (minutes, seconds, agents) in running:
        begin, last = now - timedelta(minutes=minutes), now - timedelta(seconds=seconds)
        write_session(claude, rng, begin, last, project, agents=agents)


def write_session(
    claude: Path, rng: Random, begin: datetime, last: datetime, project: Project, *, agents: int = 0
) -> None:
    """Write one session whose last answer comes at a given moment."""
    branch, session = rng.choice(project.branches), uuid(rng)
    model = pick_model(rng)
    main = Transcript(claude, session, project, branch=branch)
    names = [f"a{rng.getrandbits(64):016x}" for _ in range(agents)]
    helpers = [Transcript(claude, session, project, branch=branch, agent=name) for name in names]
    prompt, now = rng.randint(14_000, 26_000), last
    moments: list[datetime] = []
    while now > begin:
        moments.append(now)
        now -= timedelta(seconds=rng.lognormvariate(3.4, 0.9))
    for at in reversed(moments):
        write = int(rng.lognormvariate(7.3, 0.9))
        output = int(rng.lognormvariate(5.9, 1.0))
        main.answer(at, model=model, prompt=rng.randint(3, 900), output=output, read=prompt, write_1h=write)
        # The conversation grows by what was written until it is compacted.
        prompt = prompt + write if prompt < 170_000 else rng.randint(30_000, 45_000)
        if helpers and rng.random() < math.exp(-1):
            helper = rng.choice(helpers)
            helper.answer(at, model=HAIKU, output=output, read=prompt // 4, write_1h=0, write_5m=write)


def pick_project(rng: Random) -> Project:
    """Pick a project by its share of the work."""
    return rng.choices(PROJECTS, [one.share for one in PROJECTS])[0]


def pick_model(rng: Random) -> str:
    """Pick a model as people do; sub-agents take a small one."""
    return rng.choices([name for name, _ in MODELS], [weight for _, weight in MODELS])[0]


def uuid(rng: Random) -> str:
    """Make up a session's UUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
