"""Makes transcript lines and reads them, whole, in pieces, or each alone; it never says what they should count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ccledger.core.call import Fact, Usage
from ccledger.core.merge import is_bare, join
from ccledger.wire.transcript import FileOrigin, TranscriptReader

Json = dict[str, object]

DAY = "2026-10-20"
NOON = 1_792_497_600_000
ORIGIN = FileOrigin("-home-app-x", "session-of-file", None)
COUNTED: Json = {"input_tokens": 10, "output_tokens": 100, "cache_read_input_tokens": 1000}


def make_record(
    *, usage: Json | None = None, message: Json | None = None, top: Json | None = None, **more: object
) -> Json:
    """Make the record of one block of an answer with 100 output tokens; a field set to ... is left out."""
    body: Json = {
        "id": "msg_01a",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "content": [{"type": "text", "text": "SPOIL"}],
        "stop_reason": None,
        "usage": without(COUNTED | (usage or {})),
    }
    record: Json = {
        "parentUuid": None,
        "isSidechain": False,
        "type": "assistant",
        "message": without(body | (message or {})),
        "requestId": "req_1",
        "uuid": "u1",
        "timestamp": f"{DAY}T12:00:00.000Z",
        "cwd": "/home/app/x",
        "sessionId": "s1",
        "gitBranch": "main",
    }
    return without(record | (top or {}) | more)


def without(fields: Json) -> Json:
    """Leave out what is set to dots."""
    return {name: value for name, value in fields.items() if value is not ...}


def encode(record: Json) -> bytes:
    """Write a record as Claude Code does: compact, on one line."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def make_line(
    *, usage: Json | None = None, message: Json | None = None, top: Json | None = None, **more: object
) -> bytes:
    """Make one line, without its end."""
    return encode(make_record(usage=usage, message=message, top=top, **more))


def in_lines(lines: Iterable[bytes]) -> bytes:
    """Put lines into a file."""
    return b"".join(line + b"\n" for line in lines)


def new_reader(facts: list[Fact], origin: FileOrigin = ORIGIN, project: str | None = None) -> TranscriptReader:
    """Start to read a file."""
    return TranscriptReader(origin, facts.append, project)


def read_whole(data: bytes, origin: FileOrigin = ORIGIN, *, final: bool = True) -> list[Fact]:
    """Read a file at once."""
    facts: list[Fact] = []
    new_reader(facts, origin).read(bytearray(data), len(data), final=final)
    return facts


def read_lines(*lines: bytes) -> list[Fact]:
    """Read whole lines at once."""
    return read_whole(in_lines(lines))


def read_in_buffers(data: bytes, cuts: Iterable[int]) -> list[Fact]:
    """Read a file once, a buffer at a time."""
    facts: list[Fact] = []
    reader = new_reader(facts)
    held = b""
    for piece in cut(data, cuts):
        held += piece
        held = held[reader.read(bytearray(held), len(held)) :]
    reader.read(bytearray(held), len(held), final=True)
    return facts


def read_as_it_grows(data: bytes, cuts: Iterable[int]) -> list[Fact]:
    """Read a file each time it has grown, by a new reader that knows the project and where to go on."""
    facts: list[Fact] = []
    project, held = None, b""
    for piece in cut(data, cuts):
        held += piece
        reader = new_reader(facts, project=project)
        held = held[reader.read(bytearray(held), len(held), final=True) :]
        project = reader.project
    return facts


def cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut bytes into pieces, anywhere."""
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    return [data[start:end] for start, end in pairwise(bounds)]


def read_each_alone(data: bytes) -> list[Fact]:
    """Read every line by a reader that has seen nothing else but the project."""
    project = project_of(data)
    facts: list[Fact] = []
    for line in data.split(b"\n"):
        new_reader(facts, project=project).read(bytearray(line + b"\n"), len(line) + 1)
    return facts


def project_of(data: bytes) -> str | None:
    """Tell what project a file's lines belong to."""
    reader = new_reader([])
    reader.read(bytearray(data), len(data))
    return reader.project


def join_all(facts: Sequence[Fact]) -> list[Fact]:
    """Join facts to calls, in an order of their own."""
    bare = {key for fact in facts if is_bare(fact.keys) for key in fact.keys}
    return sorted((fact for fact, _ in join(facts, bare=bare)), key=lambda fact: fact.keys)


def only(facts: Sequence[Fact]) -> Fact:
    """Return the one call that some facts are."""
    (fact,) = join_all(facts)
    return fact


def usage_of(facts: Sequence[Fact]) -> Usage:
    """Return the usage of the one call that some facts are."""
    reading = only(facts).reading
    assert reading is not None
    return reading.usage
