"""`ccledger doctor`: what was found, what has no price, what was passed over and what helps; it changes nothing."""

import os
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.output import write, write_json
from ccledger.cli.parser import Command, Parser

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.core.cached import CachedFile
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings
    from ccledger.sources.transcripts.roots import Found, Root

_SHOWN = 20
"""Entries of a list; `--json` has all."""


def _declare(parser: Parser) -> None:
    parser.flag("-j", "--json", to="as_json", text="Print the findings as JSON.")
    place_options(parser)


def _doctor(flags: Namespace) -> None:
    settings, surroundings = settings_from(flags)
    findings = _find(settings, surroundings)
    if flags.as_json:
        write_json(findings)
    else:
        write("\n".join(_page(findings)))


def _find(settings: "Settings", surroundings: "Surroundings") -> dict[str, Any]:
    from ccledger import __version__, app
    from ccledger.cli.doctor_settings import replaced, weaknesses
    from ccledger.cli.running import is_running
    from ccledger.ledger.store import engines
    from ccledger.settings import config_file
    from ccledger.sources.transcripts.roots import list_files

    roots = app.claude_roots(settings, surroundings)
    files = {root.path: list(list_files(root.path)) for root in roots}
    config = surroundings.environment.get("CCLEDGER_CONFIG") or config_file(surroundings.environment, surroundings.home)
    findings: dict[str, Any] = {
        "version": __version__,
        "data_dir": str(settings.data_dir),
        "data_dir_writable": _is_writable(settings.data_dir),
        "config": {"path": str(config), "found": _is(Path.is_file, Path(config))},
        "database": settings.database_url.partition("://")[0],
        "engines": engines(),
        "compiled": find_spec("ccledger.wire._lines") is not None,
        "timezone": app.zone_name(settings, surroundings),
        "server": is_running(settings),
        "replaced": [each._asdict() for each in replaced(settings)],
        "roots": [_root(root, files[root.path], app.billing_of(settings, surroundings, root.path)) for root in roots],
        **_ledger(settings, [found for listed in files.values() for found in listed], roots),
    }
    return {**findings, "advice": [*_advice(findings), *weaknesses(settings)]}


def _root(root: "Root", files: "list[Found]", billing: str) -> dict[str, Any]:
    return {
        "path": root.path,
        "found": root.found,
        "state": _state(root),
        "files": len(files),
        "bytes": sum(found.size for found in files),
        "billing": billing,
    }


def _state(root: "Root") -> str:
    if not _is(Path.is_dir, Path(root.path)):
        return "not there"
    if not root.found:
        return "there, but without a folder 'projects'"
    return "found" if os.access(Path(root.path) / "projects", os.R_OK | os.X_OK) else "there, but not readable"


def _is_writable(directory: Path) -> bool:
    """Whether the ledger could be written, in the directory or in the one it would be made in."""
    nearest = next(path for path in (directory, *directory.parents) if _is(Path.exists, path))
    return _is(Path.is_dir, nearest) and os.access(nearest, os.W_OK | os.X_OK)


def _is(what: Callable[[Path], bool], path: Path) -> bool:
    """Whether a path is that; not where it can't even be looked at."""
    try:
        return what(path)
    except OSError:
        return False


def _ledger(settings: "Settings", files: "list[Found]", roots: "list[Root]") -> dict[str, Any]:
    """What the ledger holds and what it has not read yet; or why it can't be asked."""
    from ccledger import app
    from ccledger.cli.failures import explain

    unread = _unread(files, {})
    nothing: dict[str, Any] = {
        "unpriced": [],
        "skipped": [],
        "unread": unread,
        "statistics": _new_statistics(roots, ()),
    }
    try:
        with app.reading(settings) as store:
            kept = app.positions_of(store, settings)
            return {
                **nothing,
                **_held(store, files, kept),
                "statistics": _statistics(store, roots, app.prefix_of(store, settings)),
            }
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the ledger is a finding, the others are still wanted
        return {**nothing, "ledger": {"problem": explain(error)}}


def _held(store: "Store", files: "list[Found]", kept: Mapping[str, bytes]) -> dict[str, Any]:
    from msgspec.structs import asdict

    from ccledger.core.periods import iso
    from ccledger.sources.transcripts.position import decode
    from ccledger.stats.overview import unpriced_models
    from ccledger.stats.spent import spent_ever

    summary = store.summary()
    skipped = {name: decode(position).unreadable for name, position in sorted(kept.items())}
    return {
        "ledger": {
            "calls": summary.calls,
            "sessions": summary.sessions,
            "first_call_at": None if summary.first_at is None else iso(summary.first_at),
            "last_call_at": None if summary.last_at is None else iso(summary.last_at),
            "timezone": store.zone(),
        },
        "unpriced": [asdict(model) for model in unpriced_models(spent_ever(store))],
        "skipped": [
            {"file": name, "lines": lines, "why": "not readable as JSON with a time"}
            for name, lines in skipped.items()
            if lines
        ],
        "unread": _unread(files, kept),
    }


def _statistics(store: "Store", roots: "list[Root]", prefix: str) -> list[dict[str, Any]]:
    """What became of Claude Code's own statistics: of the files that were read, and of those that are new."""
    from ccledger.ledger.apart import ApartDays

    known = ApartDays(store, prefix).cached_files()
    return [
        *(_read_statistics(store, file, prefix) for file in known),
        *_new_statistics(roots, [file.root for file in known]),
    ]


def _new_statistics(roots: "list[Root]", known: Collection[str]) -> list[dict[str, Any]]:
    from ccledger.sources.stats_cache import look_at

    files = [look_at(root.path) for root in roots if root.path not in known]
    return [{"path": file.path, "read": False} for file in files if file is not None]


def _read_statistics(store: "Store", file: "CachedFile", prefix: str) -> dict[str, Any]:
    from ccledger.core.periods import day_of_number
    from ccledger.sources.stats_cache import NAME
    from ccledger.stats.estimated import days_in_use

    in_use = days_in_use(store, file.root and prefix + file.root)
    return {
        "path": str(Path(file.root, NAME)) if file.root else None,
        "read": True,
        "version": file.version,
        "as_of": day_of_number(file.computed_on).isoformat() if file.computed_on else None,
        "days_shown": len(in_use.shown),
        "days_not_needed": len(in_use.covered) + len(in_use.elsewhere),
        "left_out": file.left_out,
        "problem": file.problem or None,
    }


def _unread(files: "list[Found]", kept: Mapping[str, bytes]) -> dict[str, int]:
    from ccledger.sources.transcripts.position import is_unchanged

    changed = [found for found in files if not is_unchanged(kept.get(found.path, b""), found)]
    return {"files": len(changed), "bytes": sum(found.size for found in changed)}


def _advice(findings: Mapping[str, Any]) -> Iterator[str]:
    """What to do next, the most important first."""
    ledger, roots = findings["ledger"], findings["roots"]
    if not any(root["found"] for root in roots):
        yield (
            "No Claude Code history was found. If it is elsewhere, name the directory that holds 'projects': "
            "CLAUDE_CONFIG_DIR=DIR or --claude-dir DIR. If Claude Code never ran here, there is nothing to read yet."
        )
    elif not any(root["files"] for root in roots):
        yield "Claude Code has kept no session there. Use it once, or name another directory with --claude-dir DIR."
    if "problem" in ledger:
        yield f"Nothing can be said of the ledger: {ledger['problem']}."
    if not findings["data_dir_writable"]:
        yield f"{findings['data_dir']} can't be written; set CCLEDGER_DATA_DIR to a directory of yours."
    if "problem" not in ledger and findings["unread"]["files"]:
        yield "Some transcripts are not booked yet; the next report or 'ccledger import' does that."
    if any(file.get("problem") for file in findings["statistics"]):
        yield "Claude Code's own statistics can't be read; '/usage' in Claude Code writes them anew."
    if findings["unpriced"]:
        yield (
            "Models without a price count with their tokens and without a cost; "
            "a newer ccledger may know them, or 'ccledger price set' tells it."
        )


def _page(findings: Mapping[str, Any]) -> Iterator[str]:
    yield f"ccledger {findings['version']}"
    yield from _section("Claude directories", _roots_lines(findings["roots"]))
    yield from _section("Claude Code's own statistics", _statistics_lines(findings["statistics"]))
    yield from _section("Ledger", _ledger_lines(findings))
    yield from _section("Settings that something else has replaced", _replaced_lines(findings["replaced"]))
    yield from _section("Calls without a price", _unpriced_lines(findings["unpriced"]))
    yield from _section("Lines passed over", _skipped_lines(findings["skipped"]))
    yield from _section("What helps", (f"- {text}" for text in findings["advice"]))
    if not findings["advice"] and not findings["skipped"]:
        yield "\nEverything is well: every line was read, every call has a price."


def _section(head: str, lines: Iterator[str]) -> Iterator[str]:
    shown = list(lines)
    if shown:
        yield f"\n{head}"
        yield from (f"  {line}" for line in shown)


def _roots_lines(roots: list[dict[str, Any]]) -> Iterator[str]:
    for root in roots:
        if root["state"] == "found":
            held = f"{_number(root['files'], 'transcript')}, {_size(root['bytes'])}"
            yield f"{root['path']}: {held}, billing {root['billing']}"
        else:
            yield f"{root['path']}: {root['state']}"


def _statistics_lines(files: list[dict[str, Any]]) -> Iterator[str]:
    for file in files:
        name = file["path"] or "taken over with 'ccledger migrate FILE'"
        if not file["read"]:
            yield f"{name}: not read yet"
            continue
        if file["problem"]:
            yield f"{name}: not readable, {file['problem']}"
            continue
        version = f"version {file['version']}" if file["version"] else "counts by model"
        shown = f"{_number(file['days_shown'], 'day')} shown as estimated, {file['days_not_needed']:,} not needed"
        left_out = f", {file['left_out']:,} without sense" if file["left_out"] else ""
        yield f"{name}: {version}, as of {file['as_of'] or 'no day'}; {shown}{left_out}"


def _ledger_lines(findings: Mapping[str, Any]) -> Iterator[str]:
    ledger, unread, config = findings["ledger"], findings["unread"], findings["config"]
    yield f"data       {findings['data_dir']} ({findings['database']})"
    yield f"settings   {config['path']}{'' if config['found'] else ' (not there; defaults hold)'}"
    yield f"server     {'running' if findings['server'] else 'not running'}"
    yield f"imports    {'compiled' if findings['compiled'] else 'in Python alone, which takes longer'}"
    if "problem" in ledger:
        yield f"holds      {ledger['problem']}"
        yield f"days of    {findings['timezone']}"
        return
    since = f", {ledger['first_call_at'][:10]} to {ledger['last_call_at'][:10]}" if ledger["calls"] else ""
    yield f"holds      {_number(ledger['calls'], 'call')} in {_number(ledger['sessions'], 'session')}{since}"
    kept = "" if ledger["timezone"] == findings["timezone"] else f" (sums are kept by days of {ledger['timezone']})"
    yield f"days of    {findings['timezone']}{kept}"
    if unread["files"]:
        yield f"not read   {_number(unread['files'], 'transcript')} with news"


def _replaced_lines(settings: list[dict[str, str]]) -> Iterator[str]:
    for setting in settings:
        yield f"{setting['name']} = {setting['value']}: {setting['instead']}"


def _unpriced_lines(unpriced: list[dict[str, Any]]) -> Iterator[str]:
    longest = max((len(entry["model"]) for entry in unpriced[:_SHOWN]), default=0)
    for entry in unpriced[:_SHOWN]:
        counts = f"{_number(entry['calls'], 'call')}, {_number(entry['total_tokens'], 'token')}"
        yield f"{entry['model']:<{longest}}  {counts}"
    yield from _rest(unpriced)


def _skipped_lines(skipped: list[dict[str, Any]]) -> Iterator[str]:
    for entry in skipped[:_SHOWN]:
        yield f"{_number(entry['lines'], 'line')} of {entry['file']}: {entry['why']}"
    yield from _rest(skipped)


def _rest(entries: list[dict[str, Any]]) -> Iterator[str]:
    if len(entries) > _SHOWN:
        yield f"and {len(entries) - _SHOWN:,} more; --json has all"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count < 1e9 else f"{count / 1e9:,.2f} GB"


DOCTOR = Command(_declare, _doctor)
