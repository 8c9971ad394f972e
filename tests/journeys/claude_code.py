"""The real Claude Code, sent through a real gateway with a tool to use; it says what became of it, and no more."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.journeys.office import Office, add_account, make_home, opened, say
from tests.journeys.visits import Home
from tests.upstream.answers import Counts, events, text_block, tool_block
from tests.upstream.server import Plan, Seen, streamed, upstream

PEERS = Path(__file__).resolve().parents[2] / "bench" / "peers" / "node_modules" / "@anthropic-ai"
MISSING = "Claude Code is not installed; 'make bench ARGS=gateway-claude-code' does that"
MODEL = "claude-opus-4-5"
PROOF = "made-by-the-tool"
LAST_WORDS = "All done: it works."
FIRST, SECOND = Counts(1_000, 20, 0, 300, 500), Counts(1_200, 9, 0, 0, 800)
COSTS = [1_000 * 5_000 + 20 * 25_000 + 300 * 10_000 + 500 * 500, 1_200 * 5_000 + 9 * 25_000 + 800 * 500]
"""In nano-dollars."""
_PATIENCE = 240.0


class Walk(NamedTuple):
    """What became of one run."""

    exit_code: int
    said: dict[str, Any]
    """What it printed at its end."""
    complaints: str
    proof: str
    """What the tool wrote into a file."""
    heard: str
    """What the model was told of the tool."""
    seen: list[str]
    """What was asked of the upstream."""
    before: list[dict[str, Any]]
    """Its calls on the ledger, as the gateway saw them."""
    after: list[dict[str, Any]]
    """The same when its transcript is read, too."""
    calls: int
    """How many calls are on the ledger then."""
    folder: str
    """Where it worked."""


def find_claude_code() -> tuple[str, ...] | None:
    """The command, as it is without the scripts of its package; None where it is not installed."""
    node, starter = shutil.which("node"), PEERS / "claude-code" / "cli-wrapper.cjs"
    if node is None or not starter.exists() or not list(PEERS.glob("claude-code-*/claude*")):
        return None
    return (node, str(starter))


def version(command: tuple[str, ...]) -> str:
    """What it calls itself."""
    return subprocess.run((*command, "--version"), capture_output=True, check=True, text=True).stdout.strip()


def walk(folder: Path, command: tuple[str, ...]) -> Walk:
    """Has it use a tool once, in an empty home; its transcript is kept from the ledger until the calls are there."""
    home = make_home(folder / "gateway")
    with upstream() as fake:
        fake.always = _asks_for_a_tool
        add_account(home, fake.url)
        key = say(home, "token", "create", "--name", "claude code")["token"]
        with opened(home, fake) as at:
            own = folder / "home"
            (own / "work").mkdir(parents=True)
            run = _run(command, own, at.url, key)
            before = at.calls_of("claude code", 2)
            after = _with_transcript(at, home, own, str(before[0]["session_id"]))
            asked = [seen for seen in fake.seen if _is_asked(seen)]
            proof = own / "work" / "proof.txt"
            return Walk(
                run.returncode,
                json.loads(run.stdout) if run.stdout.startswith("{") else {"printed": run.stdout},
                run.stderr,
                proof.read_text() if proof.exists() else "",
                json.dumps(_results(asked[-1].json)) if asked else "",
                [f"{seen.method} {seen.target}" for seen in fake.seen],
                before,
                after,
                at.administer("GET", "logs/requests")["total"],
                str(own / "work"),
            )


def _run(command: tuple[str, ...], own: Path, url: str, key: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(own),
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    }
    told = ("-p", "Use the tool.", "--output-format", "json", "--allowedTools", "Bash", "--model", MODEL)
    return subprocess.run(
        (*command, *told),
        env=environment,
        cwd=own / "work",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=_PATIENCE,
    )


def _with_transcript(at: Office, home: Home, own: Path, session: str) -> list[dict[str, Any]]:
    """The calls once the ledger has read what Claude Code wrote down itself."""
    shutil.copytree(own / ".claude" / "projects", home.claude / "projects", dirs_exist_ok=True)
    project = str((own / "work").resolve())
    return at.rows(2, session=session, project=project)


def _is_asked(seen: Seen) -> bool:
    return seen.method == "POST" and seen.target.partition("?")[0] == "/v1/messages"


def _results(asked: Any) -> list[Any]:
    """What a request tells the model of its tools."""
    content = asked["messages"][-1]["content"]
    parts: list[Any] = [] if isinstance(content, str) else content
    return [part for part in parts if part.get("type") == "tool_result"]


def _asks_for_a_tool(seen: Seen) -> Plan | None:
    """A model that first wants a tool to be used, and then is done."""
    if not _is_asked(seen) or not seen.json.get("stream"):
        return None
    model = seen.json["model"]
    if _results(seen.json):
        return streamed(events(902, model, [text_block(LAST_WORDS)], SECOND), 902)
    use = tool_block("Bash", {"command": f"echo {PROOF} | tee proof.txt", "description": "Leave a proof"})
    return streamed(events(901, model, [text_block("Let me see."), use], FIRST, "tool_use"), 901)
