"""`ccledger doctor`: what was found, what has no price, what was passed over and why; it changes nothing."""

from typing import Any

import click

from ccledger.cli.options import place_options, settings_from


@click.command()
@click.option("-j", "--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@place_options
def doctor(as_json: bool, data_dir: str | None, claude_dirs: tuple[str, ...]) -> None:
    """Say what was found, what has no price, and what was passed over and why."""
    settings, surroundings = settings_from(data_dir=data_dir, claude_dirs=claude_dirs)
    findings = _findings(settings, surroundings)
    if as_json:
        import json

        print(json.dumps(findings, indent=2, ensure_ascii=False))
        return
    _print_findings(findings)


def _findings(settings: Any, surroundings: Any) -> dict[str, Any]:
    from ccledger import __version__, app
    from ccledger.core.errors import StoreError
    from ccledger.ledger.store import engines
    from ccledger.sources.transcripts.roots import list_files

    findings: dict[str, Any] = {
        "version": __version__,
        "data_dir": str(settings.data_dir),
        "database": settings.database_url.partition("://")[0],
        "engines": engines(),
        "timezone": app.zone_name(settings, surroundings),
        "server": app.ask_server(settings),
        "roots": [],
    }
    for root in app.claude_roots(settings, surroundings):
        files = list(list_files(root.path))
        findings["roots"].append(
            {
                "path": root.path,
                "found": root.found,
                "files": len(files),
                "bytes": sum(found.size for found in files),
                "billing": app.billing_of(settings, surroundings, root.path),
            }
        )
    try:
        with app.reading(settings) as store:
            findings.update(_ledger_findings(store))
    except StoreError as error:
        findings["ledger"] = {"problem": str(error)}
    return findings


def _ledger_findings(store: Any) -> dict[str, Any]:
    from msgspec.structs import asdict

    from ccledger.sources.transcripts.position import decode
    from ccledger.stats.overview import unpriced_models
    from ccledger.stats.spent import spent_ever

    positions = {name: decode(kept) for name, kept in store.positions().items()}
    summary = store.summary()
    return {
        "ledger": {"calls": summary.calls, "sessions": summary.sessions, "timezone": store.zone()},
        "unpriced": [asdict(model) for model in unpriced_models(spent_ever(store))],
        "skipped": [
            {"file": name, "lines": position.unreadable, "why": "not readable as JSON with a time"}
            for name, position in sorted(positions.items())
            if position.unreadable
        ],
    }


def _print_findings(findings: dict[str, Any]) -> None:
    print(f"ccledger {findings['version']}, data in {findings['data_dir']} ({findings['database']})")
    print(f"days are counted in {findings['timezone']}; a server is {'running' if findings['server'] else 'not running'}")
    print("\nClaude directories")
    for root in findings["roots"]:
        state = f"{root['files']:,} transcripts, {root['bytes'] / 1e6:,.1f} MB, billing {root['billing']}"
        print(f"  {root['path']}: {state if root['found'] else 'not there'}")
    ledger = findings["ledger"]
    if "problem" in ledger:
        print(f"\n{ledger['problem']}")
        return
    print(f"\nLedger: {ledger['calls']:,} calls in {ledger['sessions']:,} sessions")
    for entry in findings["unpriced"]:
        print(f"  no price for {entry['model']}: {entry['calls']:,} calls, {entry['total_tokens']:,} tokens")
    for entry in findings["skipped"]:
        print(f"  passed over {entry['lines']:,} lines of {entry['file']}: {entry['why']}")
    if not findings["unpriced"] and not findings["skipped"]:
        print("  every call has a price, every line was read")
