"""Makers of transcript records, sessions and files as Claude Code writes them; it never decides what is counted."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

Json = dict[str, object]

LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
WORDS = (  # noqa: SIM905 - words read best as sentences
    "the build passes but one test waits for a port that is never opened so it hangs until the limit "
    "read the handler again and move the check before the lock then run the suite twice 读取 配置 naïve café"
).split()
VERSION = "2.1.327"

PLAIN_MODELS = (
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-sonnet-5",
    "claude-sonnet-4-6",
    "claude-haiku-4-5-20251001",
    "claude-fable-5",
    "claude-fable-5-1",
)
"""Models whose prices have not changed and that every tool prices alike."""

FIRST_DAY = datetime(2026, 9, 2, tzinfo=UTC)
"""All plain models have a price from here on."""

LAST_DAY = datetime(2026, 11, 18, tzinfo=UTC)


def stamp(at: datetime) -> str:
    """Write a moment as transcripts do."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def encode(record: Json) -> bytes:
    """Write a record as one compact line, without the line end."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def make_usage(rng: Random) -> Json:
    """Make up the usage object of a finished answer."""
    hour, minutes = rng.choice(((0, rng.randrange(9000)), (rng.randrange(9000), 0), (0, 0)))
    return {
        "input_tokens": rng.randrange(1, 2500),
        "cache_creation_input_tokens": hour + minutes,
        "cache_read_input_tokens": rng.randrange(60_000),
        "output_tokens": rng.randrange(40, 3000),
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "service_tier": "standard",
        "cache_creation": {"ephemeral_1h_input_tokens": hour, "ephemeral_5m_input_tokens": minutes},
        "inference_geo": "not_available",
        "iterations": [],
        "speed": "standard",
    }


@dataclass
class Maker:
    """Makes identifiers, text and sessions below one configuration directory, all from one seed."""

    root: Path
    rng: Random
    project: str

    def token(self, length: int = 22) -> str:
        """Make up random letters."""
        return "".join(self.rng.choices(LETTERS, k=length))

    def uuid(self) -> str:
        """Make up a UUID."""
        digits = f"{self.rng.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))

    def message_id(self) -> str:
        """Make up the id of an API answer."""
        return f"msg_01{self.token()}"

    def request_id(self) -> str:
        """Make up the id of an API request."""
        return f"req_011{self.token(21)}"

    def text(self, words: int = 30) -> str:
        """Make up a sentence or two."""
        return " ".join(self.rng.choices(WORDS, k=words))

    def model(self) -> str:
        """Pick a model that every tool prices alike."""
        return self.rng.choice(PLAIN_MODELS)

    def moment(self) -> datetime:
        """Pick a moment early in a quarter hour, so that a message stays within one day in every time zone."""
        days = (LAST_DAY - FIRST_DAY).days
        quarter = timedelta(days=self.rng.randrange(days), minutes=15 * self.rng.randrange(96))
        return FIRST_DAY + quarter + timedelta(milliseconds=self.rng.randrange(240_000))

    def session(self, *, root: Path | None = None, at: datetime | None = None) -> Session:
        """Begin a main session in a file of its own."""
        session_id = self.uuid()
        path = self.folder(root) / f"{session_id}.jsonl"
        return Session(self, path, session_id, at or self.moment())

    def folder(self, root: Path | None = None) -> Path:
        """Return the project's directory."""
        return (root or self.root) / "projects" / f"-home-app-{self.project}"


@dataclass
class Session:
    """One transcript file being written; each record is kept as an object until it is sealed to bytes."""

    maker: Maker
    path: Path
    session_id: str
    now: datetime
    sidechain: bool = False
    agent_id: str | None = None
    parent: str | None = None
    lines: list[bytes] = field(default_factory=list[bytes])

    def common(self, kind: str) -> Json:
        """Make the fields every record of the conversation carries."""
        record: Json = {"parentUuid": self.parent, "isSidechain": self.sidechain}
        if self.agent_id:
            record["agentId"] = self.agent_id
        self.parent = self.maker.uuid()
        return record | {
            "userType": "external",
            "cwd": f"/home/app/{self.maker.project}",
            "sessionId": self.session_id,
            "version": VERSION,
            "gitBranch": "main",
            "type": kind,
            "uuid": self.parent,
            "timestamp": stamp(self.now),
        }

    def write(self, record: Json) -> Json:
        """Append a record."""
        self.lines.append(encode(record))
        return record

    def pass_time(self, seconds: float = 2) -> None:
        """Let some time pass."""
        self.now += timedelta(seconds=seconds)

    def next_turn(self) -> None:
        """Move on to the beginning of a later quarter hour."""
        self.now += timedelta(minutes=15 * self.maker.rng.randrange(1, 4))

    def ask(self, text: str | None = None) -> Json:
        """Append what the user typed."""
        message: Json = {"role": "user", "content": text or self.maker.text()}
        return self.write(self.common("user") | {"message": message})

    def tool_result(self, output: str | None = None, extra: Json | None = None) -> Json:
        """Append a tool's output, which transcripts carry twice."""
        output = output or self.maker.text(80)
        content: list[Json] = [
            {"tool_use_id": f"toolu_01{self.maker.token()}", "type": "tool_result", "content": output}
        ]
        repeated: Json = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
        record = self.common("user") | {"message": {"role": "user", "content": content}}
        return self.write(record | {"toolUseResult": repeated | (extra or {})})

    def answer(
        self,
        *,
        usage: Json | None = None,
        model: str | None = None,
        outputs: Sequence[int] | None = None,
        ids: tuple[str | None, str | None] | None = None,
        seconds: float = 2,
        top: Json | None = None,
        tool_input: Json | None = None,
    ) -> list[Json]:
        """Append an answer: one line for each content block, all with the same ids, output as given for each line."""
        usage = usage or make_usage(self.maker.rng)
        model = model or self.maker.model()
        message_id, request_id = ids or (self.maker.message_id(), self.maker.request_id())
        outputs = outputs or [output_of(usage)] * 3
        written: list[Json] = []
        for index, output in enumerate(outputs):
            message: Json = {
                "model": model,
                "id": message_id,
                "type": "message",
                "role": "assistant",
                "content": [self.block(index, last=index == len(outputs) - 1, tool_input=tool_input)],
                "stop_reason": "tool_use" if index == len(outputs) - 1 else None,
                "stop_sequence": None,
                "usage": copy.deepcopy(usage) | {"output_tokens": output},
            }
            if message_id is None:
                del message["id"]
            record = self.common("assistant") | {"message": message} | (top or {})
            if request_id is not None:
                record["requestId"] = request_id
            written.append(self.write(record))
            self.pass_time(seconds)
        return written

    def block(self, index: int, *, last: bool, tool_input: Json | None) -> Json:
        """Make one content block: thinking first, a tool call last, text between."""
        if last:
            content = tool_input or {"command": "make test", "description": self.maker.text(5)}
            return {"type": "tool_use", "id": f"toolu_01{self.maker.token()}", "name": "Bash", "input": content}
        if index == 0:
            return {"type": "thinking", "thinking": self.maker.text(), "signature": self.maker.token(64)}
        return {"type": "text", "text": self.maker.text()}

    def turn(self) -> None:
        """Append a plain turn: question, answer, tool output, answer."""
        self.ask()
        self.pass_time()
        self.answer()
        self.tool_result()
        self.pass_time()
        self.answer(outputs=None)
        self.next_turn()

    def agent(self, *folders: str) -> Session:
        """Begin a sub-agent's file below this session's directory."""
        agent_id = f"a{self.maker.token(16).lower()}"
        path = self.path.with_suffix("").joinpath(*(folders or ("subagents",)), f"agent-{agent_id}.jsonl")
        return Session(self.maker, path, self.session_id, self.now, sidechain=True, agent_id=agent_id)

    def save(self, *, end: bytes = b"\n") -> Path:
        """Write the file; every line but perhaps the last ends with a newline."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"\n".join(self.lines) + end)
        return self.path


def output_of(usage: Json) -> int:
    """Return the output tokens of a usage object made here."""
    output = usage["output_tokens"]
    if not isinstance(output, int):
        raise TypeError(output)
    return output


def growing(rng: Random, usage: Json, steps: int = 3) -> list[int]:
    """Make up the output counts of the lines of one answer, of which only the last is final."""
    final = output_of(usage)
    return [*sorted(rng.randrange(1, final) for _ in range(steps - 1)), final]
