"""Traps in where the files lie; the records in them are plain."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import cast

from ..records import Json, Maker, Session, encode, growing, make_usage


def run_agent(agent: Session, answers: int = 5) -> Session:
    """Let a sub-agent answer; its counts grow, and one request in five never gets its final line."""
    agent.ask()
    for index in range(answers):
        usage = make_usage(agent.maker.rng)
        outputs = growing(agent.maker.rng, usage, 3)
        agent.answer(usage=usage, outputs=[1, 1, 1] if index % 5 == 4 else outputs)
        agent.tool_result()
        agent.pass_time()
    agent.save()
    return agent


def subagents_never_final(maker: Maker) -> None:
    """Sub-agents in their own directory, some answers never final."""
    session = maker.session()
    session.turn()
    agent = run_agent(session.agent(), 10)
    agent.path.with_suffix(".meta.json").write_bytes(encode({"agentType": "Explore", "usage": {"output_tokens": 4}}))
    session.save()


def workflow_agents(maker: Maker) -> None:
    """Agents of a workflow, one level deeper, beside a journal that repeats their answers."""
    session = maker.session()
    session.turn()
    flow = f"wf_{maker.token(8).lower()}"
    agents = [run_agent(session.agent("subagents", "workflows", flow)) for _ in range(2)]
    journal = agents[0].path.with_name("journal.jsonl")
    journal.write_bytes(b"\n".join(journal_lines(agents[0])) + b"\n")
    session.save()


def journal_lines(agent: Session) -> list[bytes]:
    """Make a journal: it looks like a transcript, even with answers that stand nowhere else, and is none."""
    usage = make_usage(agent.maker.rng)
    last = cast("Json", json.loads(next(line for line in agent.lines if b'"assistant"' in line)))
    message = cast("Json", last["message"]) | {"id": agent.maker.message_id()}
    return [
        encode({"type": "started", "agentId": agent.agent_id, "key": "v2:1"}),
        encode({"type": "result", "agentId": agent.agent_id, "usage": usage, "result": {"message": {"usage": usage}}}),
        encode(last | {"message": message, "requestId": agent.maker.request_id()}),
    ]


def flat_agents(maker: Maker) -> None:
    """Older versions put an agent's file beside the session's."""
    session = maker.session()
    session.turn()
    agent = session.agent()
    agent.path = session.path.with_name(agent.path.name)
    run_agent(agent)
    session.save()


def nested_subagents(maker: Maker) -> None:
    """A sub-agent that starts sub-agents of its own."""
    session = maker.session()
    session.turn()
    agent = run_agent(session.agent())
    run_agent(agent.agent("subagents"))
    session.save()


def empty_files(maker: Maker) -> None:
    """Files with nothing in them, or only a line end, and files of other kinds."""
    session = maker.session()
    session.turn()
    first = session.save()
    first.with_name("empty.jsonl").write_bytes(b"")
    first.with_name("newline.jsonl").write_bytes(b"\n")
    first.with_name("blank.jsonl").write_bytes(b"\r\n\r\n  \n")
    first.with_name("copy.jsonl.bak").write_bytes(b"\n".join(session.lines) + b"\n")
    first.with_name("other.json").write_bytes(encode({"usage": {"output_tokens": 5}}))
    first.with_name("folder.jsonl").mkdir(exist_ok=True)


def odd_names(maker: Maker) -> None:
    """Directories and files with spaces, letters of other scripts and dots in their names."""
    for name in ("with space", "проект 项目", ".hidden", "a,b"):
        session = maker.session()
        session.path = session.path.parent / name / f"{session.session_id}.jsonl"
        session.turn()
        session.save()


def second_root(maker: Maker) -> None:
    """A second configuration directory: some answers of its own, some copies from the first."""
    session = maker.session()
    session.turn()
    session.save()
    other = maker.session(root=maker.root / "second-root")
    other.lines.extend(session.lines)
    other.turn()
    other.save()


TRAPS: Mapping[str, Callable[[Maker], None]] = {
    trap.__name__: trap
    for trap in (
        subagents_never_final,
        workflow_agents,
        flat_agents,
        nested_subagents,
        empty_files,
        odd_names,
        second_root,
    )
}
