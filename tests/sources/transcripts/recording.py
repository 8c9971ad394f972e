"""A sink that remembers what it was handed, and the directories transcripts are written to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ccledger.core.call import Fact
from ccledger.sources.transcripts.roots import Found, list_files
from ccledger.sources.transcripts.scan import Progress, Scan
from tests.wire.lines import Json, encode, in_lines, join_all, make_record


class DiskFull(Exception):
    """The sink could not take a batch."""


@dataclass
class Recorder:
    """Keeps every batch, both halves of it or neither, and wakes who waits for one."""

    batches: list[list[Fact]] = field(default_factory=list[list[Fact]])
    kept: dict[str, bytes] = field(default_factory=dict[str, bytes])
    room: int = 1 << 30
    """How many more batches fit."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def append(self, facts: Sequence[Fact], positions: Mapping[str, bytes | None]) -> None:
        with self.changed:
            if self.room <= 0:
                raise DiskFull
            self.room -= 1
            self.batches.append(list(facts))
            for name, position in positions.items():
                if position is None:
                    self.kept.pop(name, None)
                else:
                    self.kept[name] = position
            self.changed.notify_all()

    def positions(self) -> dict[str, bytes]:
        with self.changed:
            return dict(self.kept)

    @property
    def facts(self) -> list[Fact]:
        """Everything that was handed in."""
        with self.changed:
            return [fact for batch in self.batches for fact in batch]

    @property
    def calls(self) -> dict[str, Fact]:
        """What that comes to, by the first key of each call."""
        return {call.keys[0].removeprefix("msg:"): call for call in join_all(self.facts)}

    @property
    def outputs(self) -> dict[str, int]:
        """The output tokens of each call."""
        return {name: call.reading.usage.output_tokens for name, call in self.calls.items() if call.reading}

    def wait_for(self, calls: Iterable[str], seconds: float = 20) -> bool:
        """Wait until calls are booked."""
        wanted = set(calls)
        with self.changed:
            return self.changed.wait_for(lambda: wanted <= set(self.calls), seconds)


def answer(message: str, output: int = 100, **top: object) -> bytes:
    """Make a line of an answer."""
    body: Json = {"id": message}
    return encode(make_record(message=body, usage={"output_tokens": output}, top=top))


def answers(*messages: str) -> bytes:
    """Make whole lines, one for each answer."""
    return in_lines(map(answer, messages))


@dataclass
class Claude:
    """A Claude directory to which transcripts are written as Claude does, and read as the program does."""

    root: Path

    def path(self, name: str = "s1") -> Path:
        """Name a transcript of the only project."""
        return self.root / "projects" / "-home-app-x" / f"{name}.jsonl"

    def write(self, data: bytes, name: str = "s1") -> Path:
        """Put a transcript in place of what was there, in the same file."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def append(self, data: bytes, name: str = "s1") -> Path:
        """Add to a transcript's end."""
        with self.path(name).open("ab") as file:
            file.write(data)
        return self.path(name)

    def files(self) -> list[Found]:
        """List the transcripts."""
        return list(list_files(str(self.root)))

    def scan(
        self,
        sink: Recorder,
        files: Iterable[Found] | None = None,
        *,
        report: Callable[[Progress], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
        billing: Mapping[str, int] | None = None,
    ) -> Progress:
        """Read what is new, as a program that has just been started."""
        found = self.files() if files is None else files
        return Scan(sink, sink.positions(), billing or {}, report, stopped).run(found)
