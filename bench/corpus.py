"""A large made-up corpus with the file sizes and line mix of real use; it holds no traps, so totals must agree."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

FORMAT = 3
"""Part of the cache key: raise it when the generator changes."""

SIZES = (
    (0.0, 6e3),
    (0.5, 105e3),
    (0.75, 234e3),
    (0.9, 654e3),
    (0.95, 1.5e6),
    (0.99, 5.4e6),
    (0.9985, 8e6),
    (1.0, 30e6),
)
"""Quantiles of file sizes as in a real directory of 3,142 transcripts; between them and below the largest, a guess."""

BEND = 2
"""How late sizes rise between two known quantiles: so that 3,000 files come to 1 GB at these very quantiles."""

LARGEST = 87e6
"""The one largest file of that directory."""

MODELS = (
    "claude-opus-5",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-opus-4-8",
    "claude-fable-5-1",
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-6",
)
FIRST_DAY = datetime(2026, 9, 20, tzinfo=UTC)
DAYS = 58
PROJECTS = 40
AGENT_SHARE = 0.3
NEVER_FINAL_SHARE = 0.2
BODY_SIZES = (120, 400, 1_200, 4_000, 12_000, 60_000, 250_000)
TOOL_WEIGHTS = (16, 18, 32, 21, 9, 3, 0.6)
ANSWER_WEIGHTS = (18, 24, 28, 20, 8, 0.8, 0)
BODIES_PER_SIZE = 24
FRAGMENTS = (
    "the lock is taken before the check",
    "def read(path: Path) -> bytes:\\n    return path.read_bytes()\\n",
    '\\t\\"name\\": \\"value\\",\\n',
    "2026-10-01 12:00:01 INFO worker started pid=4242",
    "读取配置文件并写入缓存",
    "FAILED tests/test_store.py::test_two_writers - AssertionError",
    "src/app/handlers/orders.py:118:",
    "\\u001b[32mok\\u001b[0m",
    "naïve café résumé",
    '{\\"usage\\":{\\"input_tokens\\":1}}',
)


@dataclass(frozen=True)
class Plan:
    """What a corpus is made of; equal plans give equal bytes."""

    megabytes: int = 1000
    files: int = 3000
    seed: int = 1

    @property
    def name(self) -> str:
        """Name the cache directory."""
        digest = hashlib.sha256(json.dumps([FORMAT, asdict(self)]).encode()).hexdigest()[:10]
        return f"corpus-{self.megabytes}mb-{self.files}-{digest}"


def file_sizes(plan: Plan) -> list[int]:
    """Spread the corpus over files as real directories do, the shape kept while the sum is as planned."""
    shape = [size_at((index + 0.5) / plan.files) for index in range(plan.files)]
    shape[-1] = LARGEST
    factor = plan.megabytes * 1e6 / sum(shape)
    return [int(size * factor) for size in shape]


def size_at(share: float) -> float:
    """Read a quantile between the known ones, on a logarithmic scale."""
    above = min(bisect_right([at for at, _ in SIZES], share), len(SIZES) - 1)
    (low_at, low), (high_at, high) = SIZES[above - 1], SIZES[above]
    part = ((share - low_at) / (high_at - low_at)) ** BEND
    return math.exp(math.log(low) + part * (math.log(high) - math.log(low)))


class Bodies:
    """Ready-made JSON text of several sizes, used again and again: making text is what would take the time."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.pool = [[self.make(size) for _ in range(BODIES_PER_SIZE)] for size in BODY_SIZES]
        self.signature = "".join(
            rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/", k=600)
        ).encode()
        self.tool = list(accumulate(TOOL_WEIGHTS))
        self.answer = list(accumulate(ANSWER_WEIGHTS))

    def make(self, size: int) -> bytes:
        """Make one text of about a size, already escaped for JSON."""
        parts: list[str] = []
        length = 0
        while length < size:
            parts.append(self.rng.choice(FRAGMENTS))
            length += len(parts[-1]) + 1
        return " ".join(parts).encode()

    def pick(self, weights: list[float], room: int) -> bytes:
        """Pick a text that fits into the room that is left."""
        kind = bisect_right(weights, self.rng.random() * weights[-1])
        while kind and BODY_SIZES[kind] > room:
            kind -= 1
        return self.rng.choice(self.pool[kind])


class Transcript:
    """One file in the making, line by line."""

    def __init__(self, rng: Random, bodies: Bodies, session: str, project: int, *, agent: str | None) -> None:
        self.rng = rng
        self.bodies = bodies
        self.agent = agent
        self.now = FIRST_DAY + timedelta(days=rng.randrange(DAYS), seconds=rng.randrange(80_000))
        self.parent = "null"
        side = f'"isSidechain":true,"agentId":"{agent}"' if agent else '"isSidechain":false'
        self.head = side.encode()
        self.tail = (
            f'"userType":"external","entrypoint":"cli","cwd":"/home/app/project-{project}","sessionId":"{session}",'
            '"version":"2.1.327","gitBranch":"main"}'
        ).encode()

    def uuid(self) -> str:
        """Make up a UUID."""
        digits = f"{self.rng.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def line(self, kind: bytes, middle: bytes) -> bytes:
        """Put a record together."""
        own = f'"{self.uuid()}"'
        at = self.now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.now.microsecond // 1000:03d}Z"
        start = b'{"parentUuid":%b,%b,"type":"%b",' % (self.parent.encode(), self.head, kind)
        self.parent = own
        return b'%b%b,"uuid":%b,"timestamp":"%b",%b\n' % (start, middle, own.encode(), at.encode(), self.tail)

    def pass_time(self) -> None:
        """Let some time pass, and step over midnight so that no answer stands on two days."""
        self.now += timedelta(seconds=5 + self.rng.random() * 60)
        if self.now.hour == 23 and self.now.minute >= 58:
            self.now += timedelta(minutes=5)

    def tool_result(self, room: int) -> bytes:
        """Make a tool's output, which transcripts carry twice."""
        text = self.bodies.pick(self.bodies.tool, room // 2)
        content = b'{"tool_use_id":"toolu_01%016x","type":"tool_result","content":"%b"}' % (
            self.rng.getrandbits(63),
            text,
        )
        repeated = b'{"stdout":"%b","stderr":"","interrupted":false,"isImage":false}' % text
        if self.rng.random() < 0.013:
            repeated = b'{"status":"completed","content":"%b","totalTokens":4711,%b}' % (text, self.usage(1, 7))
        return self.line(b"user", b'"message":{"role":"user","content":[%b]},"toolUseResult":%b' % (content, repeated))

    def answer(self, room: int) -> Iterator[bytes]:
        """Make an answer: one line for each block, with growing counts in sub-agents and final ones elsewhere."""
        blocks = self.rng.choice((1, 1, 2, 2, 2, 3))
        model = self.rng.choice(MODELS).encode()
        final, prompt = self.rng.randrange(30, 4000), self.rng.getrandbits(16)
        ends = not self.agent or self.rng.random() >= NEVER_FINAL_SHARE
        ids = (f"msg_01{self.rng.getrandbits(120):030x}".encode(), f"req_011{self.rng.getrandbits(112):028x}".encode())
        for index in range(blocks):
            whole = not self.agent or (ends and index == blocks - 1)
            usage = self.usage(final if whole else min(final, 1 + index), prompt)
            yield self.line(b"assistant", self.block(index, blocks, model, ids, usage, room // blocks))
            self.now += timedelta(milliseconds=700)

    def block(self, index: int, blocks: int, model: bytes, ids: tuple[bytes, bytes], usage: bytes, room: int) -> bytes:
        """Make the fields of one line of an answer."""
        text = self.bodies.pick(self.bodies.answer, room)
        if index == blocks - 1:
            head = b'{"type":"tool_use","id":"toolu_01%016x","name":"Edit",' % self.rng.getrandbits(63)
            content = head + b'"input":{"file_path":"/home/app/a.py","new_string":"%b"}}' % text
        elif index == 0:
            content = b'{"type":"thinking","thinking":"%b","signature":"%b"}' % (text, self.bodies.signature)
        else:
            content = b'{"type":"text","text":"%b"}' % text
        return (
            b'"message":{"model":"%b","id":"%b","type":"message","role":"assistant","content":[%b],'
            b'"stop_reason":"tool_use","stop_sequence":null,%b},"requestId":"%b"'
            % (model, ids[0], content, usage, ids[1])
        )

    def usage(self, output: int, prompt: int) -> bytes:
        """Make a usage object; all lines of an answer share its prompt."""
        hour = prompt * 7 % 6000 if prompt % 3 else 0
        minutes = 0 if hour else prompt % 5000
        return (
            b'"usage":{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,"output_tokens":%d,'
            b'"server_tool_use":{"web_search_requests":0,"web_fetch_requests":0},"service_tier":"standard",'
            b'"cache_creation":{"ephemeral_1h_input_tokens":%d,"ephemeral_5m_input_tokens":%d},'
            b'"inference_geo":"not_available","iterations":[],"speed":"standard"}'
            % (prompt % 900 + 1, hour + minutes, prompt * 2, output, hour, minutes)
        )

    def lines(self, size: int) -> Iterator[bytes]:
        """Make lines until the file is as large as planned."""
        left = size
        while left > 0:
            for line in (self.tool_result(left), *self.answer(left)):
                left -= len(line)
                yield line
            if self.rng.random() < 0.45:
                note = self.line(
                    b"attachment",
                    b'"attachment":{"type":"todo","text":"%b"}' % self.bodies.pick(self.bodies.answer, left),
                )
                left -= len(note)
                yield note
            self.pass_time()


def write_corpus(plan: Plan, top: Path) -> None:
    """Write the whole corpus below a directory."""
    rng = Random(plan.seed)
    bodies, sizes = Bodies(rng), file_sizes(plan)
    rng.shuffle(sizes)
    session, project = "", 0
    for index, size in enumerate(sizes):
        is_agent = bool(session) and rng.random() < AGENT_SHARE
        if not is_agent:
            session, project = str_uuid(rng), rng.randrange(PROJECTS)
        agent = f"a{rng.getrandbits(64):016x}" if is_agent else None
        path = file_path(top, session, project, agent, deep=index % 9 == 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=1 << 20) as file:
            file.writelines(Transcript(rng, bodies, session, project, agent=agent).lines(size))


def str_uuid(rng: Random) -> str:
    """Make up a session's UUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def file_path(top: Path, session: str, project: int, agent: str | None, *, deep: bool) -> Path:
    """Place a transcript as Claude Code does; every ninth agent belongs to a workflow."""
    folder = top / "projects" / f"-home-app-project-{project}"
    if agent is None:
        return folder / f"{session}.jsonl"
    below = ("workflows", "wf_1") if deep else ()
    return folder.joinpath(session, "subagents", *below, f"agent-{agent}.jsonl")


def bench_directory() -> Path:
    """Return where large data may lie."""
    return Path(os.environ.get("CCLEDGER_BENCH_DIR", "/tmp/ccledger-bench"))


def ensure_corpus(plan: Plan | None = None) -> Path:
    """Return the corpus of a plan, written now or by an earlier run that finished."""
    plan = plan or Plan()
    top = bench_directory() / plan.name
    stamp = top / "complete.json"
    if not stamp.is_file():
        shutil.rmtree(top, ignore_errors=True)
        write_corpus(plan, top)
        stamp.write_text(json.dumps(asdict(plan)))
    return top


def describe(top: Path) -> dict[str, int]:
    """Measure what a corpus is made of."""
    sizes = sorted(path.stat().st_size for path in top.rglob("*.jsonl"))
    shares = {f"p{share}": sizes[len(sizes) * share // 100] for share in (50, 75, 90, 95, 99)}
    found = {"files": len(sizes), "bytes": sum(sizes), "max": sizes[-1], "lines": 0, "marked": 0, "longest_line": 0}
    messages: set[bytes] = set()
    for path in top.rglob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            found["lines"] += 1
            found["marked"] += b'"usage":{' in line
            found["longest_line"] = max(found["longest_line"], len(line))
            messages.update(part[:34] for part in line.split(b'"id":"msg_')[1:2])
    return found | shares | {"messages": len(messages)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the corpus if need be, and say where it is and what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=Plan.megabytes)
    parser.add_argument("--files", type=int, default=Plan.files)
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--describe", action="store_true")
    chosen = parser.parse_args(arguments)
    top = ensure_corpus(Plan(chosen.megabytes, chosen.files, chosen.seed))
    sys.stdout.write(f"{top}\n")
    if chosen.describe:
        sys.stdout.write(json.dumps(describe(top), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
