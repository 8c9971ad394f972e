"""What ccusage 20.0.24 was seen to count, rule by rule, found by experiment; it never runs ccusage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from .reference import Json, as_list, as_moment, as_object, as_text

Tokens = tuple[int, int, int, int]
"""Input, output, cache writes, cache reads."""

MARKER = b'"usage":{'
NULL_FIELD = re.compile(
    rb'"(id|cwd|model|speed|costUSD|version|sessionId|requestId|isApiErrorMessage'
    rb'|cache_read_input_tokens|cache_creation_input_tokens)":null'
)
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-]\d\d:\d\d)")
DEEPEST = 127

WHY = {
    "space_before_usage": 'drops a line in which the usage object is not written exactly as "usage":{',
    "null_field": "drops a line that holds a null id, model, speed, requestId … anywhere",
    "bad_utf8": "drops a line with a byte that is not UTF-8",
    "lone_surrogate": "drops a line with half of a surrogate pair",
    "deep_nesting": "drops a line nested more than 127 deep",
    "count_type": "drops a line with a count that is missing, null, negative, a float or a text",
    "speed_value": "drops a line with a speed it does not know",
    "timestamp_form": "drops a line whose seconds have no or three decimals only",
    "journal": "reads a workflow's journal as a transcript",
    "record_type": "counts records that are not answers but hold message.usage",
    "split_only": "takes the split of cache writes even where the flat count is larger",
    "no_request_id": "counts lines without a request id once for each timestamp and session",
    "two_request_ids": "counts an answer once for each request id",
    "no_message_id": "counts lines without a message id as often as they are written",
    "other_session": "keeps a side conversation's copy under another session id",
    "day_of_kept_line": "dates an answer by the line it keeps, not by the first",
}


@dataclass(frozen=True)
class Entry:
    """One line, or one advisor's part of it, as ccusage counts it."""

    message_id: str | None
    request_id: str | None
    session_id: str
    stamp: str
    at: datetime
    model: str
    tokens: Tokens
    sidechain: bool
    has_speed: bool

    @property
    def key(self) -> tuple[str | None, ...]:
        """Return what makes two entries the same for ccusage."""
        if self.request_id:
            return (self.message_id, self.request_id)
        return (self.message_id, None, self.session_id, self.stamp)

    def beats(self, other: Entry) -> bool:
        """Tell whether ccusage replaces the other copy by this one."""
        if self.sidechain != other.sidechain:
            return other.sidechain
        if sum(self.tokens) != sum(other.tokens):
            return sum(self.tokens) > sum(other.tokens)
        return self.has_speed and not other.has_speed


def is_count(value: object) -> bool:
    """Tell whether ccusage takes a value as a count."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64


def depth_of(value: object) -> int:
    """Measure how deeply a JSON value is nested."""
    deepest, left = 0, [(value, 1)]
    while left:
        one, depth = left.pop()
        if isinstance(one, dict | list):
            deepest = max(deepest, depth)
            inner = cast("Json", one).values() if isinstance(one, dict) else cast("list[object]", one)
            left.extend((child, depth + 1) for child in inner)
    return deepest


def has_lone_surrogate(record: object) -> bool:
    """Tell whether any text in a record has half of a surrogate pair."""
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def split_is_wrong(value: object) -> bool:
    """Tell whether ccusage cannot read a split of cache writes."""
    if value is None or isinstance(value, list):
        return False
    return not isinstance(value, dict) or not all(
        is_count(count) for name, count in cast("Json", value).items() if name.startswith("ephemeral_")
    )


def wrong_counts(usage: Json) -> bool:
    """Tell whether ccusage cannot read a usage object's counts."""
    required = (usage.get("input_tokens"), usage.get("output_tokens"))
    optional = (usage.get("cache_creation_input_tokens", 0), usage.get("cache_read_input_tokens", 0))
    return not all(map(is_count, (*required, *optional))) or split_is_wrong(usage.get("cache_creation"))


def usage_objects(record: Json) -> Json:
    """Return the usage object ccusage reads from a record: the direct one, or an old progress record's."""
    return as_object(as_object(answer_in(record).get("message")).get("usage"))


def answer_in(record: Json) -> Json:
    """Return the record itself, or the answer nested in an old progress record."""
    if "message" in record:
        return record
    return as_object(as_object(record.get("data")).get("message"))


def reasons_of_bytes(line: bytes) -> Iterator[str]:
    """List why ccusage drops a line before it looks at its fields."""
    if MARKER not in line:
        yield "space_before_usage"
    if NULL_FIELD.search(line):
        yield "null_field"
    try:
        line.decode()
    except UnicodeDecodeError:
        yield "bad_utf8"


def reasons_of_fields(record: Json) -> Iterator[str]:
    """List why ccusage drops a record for its fields."""
    usage, answer = usage_objects(record), answer_in(record)
    if has_lone_surrogate(record):
        yield "lone_surrogate"
    if depth_of(record) > DEEPEST:
        yield "deep_nesting"
    if wrong_counts(usage):
        yield "count_type"
    if usage.get("speed", "standard") not in ("standard", "fast", None):
        yield "speed_value"
    if not STAMP.fullmatch(as_text(answer.get("timestamp"))):
        yield "timestamp_form"


def writes_of(usage: Json) -> int:
    """Count cache writes as ccusage does."""
    split = usage.get("cache_creation")
    if split is None:
        return cast("int", usage.get("cache_creation_input_tokens", 0))
    both = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    return sum(cast("int", as_object(split).get(name, 0)) for name in both)


def tokens_of(usage: Json) -> Tokens:
    """Count a usage object as ccusage does."""
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens")
    counted = [cast("int", usage.get(name, 0)) for name in names]
    return (counted[0], counted[1], writes_of(usage), counted[2])


def entries_of(record: Json, at: datetime) -> Iterator[Entry]:
    """Read what ccusage counts in a record that it does not drop."""
    answer, usage = answer_in(record), usage_objects(record)
    message = as_object(answer.get("message"))
    message_id, model = as_text(message.get("id")) or None, as_text(message.get("model"))
    rest = (
        as_text(answer.get("requestId")) or None,
        as_text(answer.get("sessionId")),
        as_text(answer["timestamp"]),
        at,
    )
    side = answer.get("isSidechain") is True
    shown = f"{model}-fast" if usage.get("speed") == "fast" else model
    if model != "<synthetic>":
        yield Entry(message_id, *rest, shown, tokens_of(usage), side, "speed" in usage)
    for index, one in enumerate(advisors_of(usage)):
        own = f"{message_id}/advisor {index}"
        yield Entry(own, *rest, as_text(one["model"]), tokens_of(one), side, has_speed=False)


def advisors_of(usage: Json) -> list[Json]:
    """List the advisors' calls that ccusage can read."""
    iterations = [as_object(one) for one in as_list(usage.get("iterations"))]
    return [
        one
        for one in iterations
        if one.get("type") == "advisor_message" and as_text(one.get("model")) and not wrong_counts(one)
    ]


@dataclass(frozen=True)
class Line:
    """One transcript line: whose it is, what ccusage counts in it, and where it departs from the rules."""

    subject: str
    at: datetime | None
    entries: tuple[Entry, ...]
    reasons: frozenset[str]


def subject_of(record: Json) -> str:
    """Return the id of the answer a record is about."""
    answer = answer_in(record)
    return as_text(as_object(answer.get("message")).get("id")) or as_text(answer.get("uuid"))


def read_line(line: bytes, *, journal: bool) -> Line | None:
    """Read a line as ccusage does, None when neither ccusage nor anybody finds a call in it."""
    try:
        record = as_object(json.loads(line.decode(errors="replace")))
    except (ValueError, RecursionError):
        return None
    usage, at = usage_objects(record), as_moment(answer_in(record).get("timestamp"))
    if not usage or at is None:
        return None
    dropped = {*reasons_of_bytes(line), *reasons_of_fields(record)}
    entries = () if dropped else tuple(entries_of(record, at))
    return Line(subject_of(record), at, entries, frozenset({*dropped, *additions(record, journal=journal)}))


def additions(record: Json, *, journal: bool) -> Iterator[str]:
    """List what ccusage counts in a record that it should not, or counts otherwise."""
    usage = usage_objects(record)
    if journal:
        yield "journal"
    if record.get("type") != "assistant":
        yield "record_type"
    if not wrong_counts(usage) and writes_of(usage) < cast("int", usage.get("cache_creation_input_tokens", 0)):
        yield "split_only"
    if "costUSD" in record:
        yield "own_cost_field"


def read_lines(roots: Sequence[Path]) -> Iterator[Line]:
    """Read all lines below some roots in the order ccusage does."""
    for root in roots:
        for path in sorted(one for one in (root / "projects").rglob("*.jsonl") if one.is_file()):
            for line in path.read_bytes().split(b"\n"):
                read = read_line(line, journal=path.name == "journal.jsonl")
                if read is not None:
                    yield read


def keep(entries: Iterable[Entry]) -> list[Entry]:
    """Drop the copies that ccusage drops."""
    kept: list[Entry] = []
    by_key: dict[tuple[str | None, ...], int] = {}
    by_message: dict[str, list[int]] = {}
    for entry in entries:
        index = None if entry.message_id is None else find_copy(entry, kept, by_key, by_message)
        if index is None:
            by_key[entry.key] = len(kept)
            by_message.setdefault(entry.message_id or "", []).append(len(kept))
            kept.append(entry)
        elif entry.beats(kept[index]):
            kept[index] = entry
            by_key[entry.key] = index
    return kept


def find_copy(
    entry: Entry,
    kept: list[Entry],
    by_key: dict[tuple[str | None, ...], int],
    by_message: dict[str, list[int]],
) -> int | None:
    """Find the entry that ccusage takes for a copy: the same key, or a side conversation's replay."""
    if entry.key in by_key:
        return by_key[entry.key]
    for index in by_message.get(entry.message_id or "", []):
        other = kept[index]
        if other.session_id == entry.session_id and (other.sidechain or entry.sidechain):
            return index
    return None
