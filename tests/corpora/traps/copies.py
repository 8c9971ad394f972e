"""Traps of the kind "the same answer is written more than once"; they never differ in anything but the copies."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import cast

from ..records import Json, Maker, Session, encode, growing, make_usage, output_of, stamp


def final_on_every_line(maker: Maker) -> None:
    """Recent versions: every line of an answer carries the final counts."""
    session = maker.session()
    session.answer(outputs=None)
    session.answer(outputs=[700] * 6)
    session.save()


def final_on_last_line(maker: Maker) -> None:
    """Older versions: all lines but the last carry the count at the stream's start."""
    session = maker.session()
    session.answer(outputs=[1, 1, 412])
    session.answer(outputs=[3, 980])
    session.save()


def growing_output(maker: Maker) -> None:
    """The count grows from line to line."""
    session = maker.session()
    for _ in range(4):
        usage = make_usage(maker.rng)
        session.answer(usage=usage, outputs=growing(maker.rng, usage, 5))
        session.next_turn()
    session.save()


def growing_out_of_order(maker: Maker) -> None:
    """The line with the final count is not the last one."""
    session = maker.session()
    session.answer(outputs=[2, 640, 2])
    session.save()


def no_request_id(maker: Maker) -> None:
    """Gateways hand on no request id."""
    session = maker.session()
    for _ in range(3):
        session.answer(ids=(maker.message_id(), None), outputs=[100, 100])
        session.answer(ids=(maker.message_id(), None), outputs=[1, 350])
    session.save()


def two_request_ids(maker: Maker) -> None:
    """The same answer under two request ids, in one session and across sessions."""
    session, other = maker.session(), maker.session()
    for second in (session, other):
        message_id, usage, model = maker.message_id(), make_usage(maker.rng), maker.model()
        for writer in (session, second):
            writer.answer(ids=(message_id, maker.request_id()), usage=usage, model=model, outputs=[100])
    session.save()
    other.save()


def btw_sidechain(maker: Maker) -> None:
    """A side question replays the parent's answers as its own, later and with a new request id."""
    session = maker.session()
    answers = [session.answer() for _ in range(2)]
    side = session.agent()
    side.pass_time(120)
    for written in answers:
        for record in written:
            side.write(replayed(record, side) | {"requestId": maker.request_id()})
    side.answer()
    session.save()
    side.save()


def btw_larger(maker: Maker) -> None:
    """A replay that claims more tokens than the parent: the parent still wins."""
    session = maker.session()
    written = session.answer(outputs=[500, 500])
    side = session.agent()
    for record in written:
        claim = replayed(record, side)
        usage_in(claim)["output_tokens"] = 900
        side.write(claim)
    side.save()
    session.save()


def forks(maker: Maker) -> None:
    """A branch begins with copies of the session it came from, under its own session id."""
    session = maker.session()
    for _ in range(3):
        session.turn()
    branch = maker.session(at=session.now)
    for line in session.lines:
        record = cast("Json", json.loads(line))
        origin: Json = {"sessionId": session.session_id, "messageUuid": record["uuid"]}
        branch.write(record | {"sessionId": branch.session_id, "forkedFrom": origin})
    branch.turn()
    session.save()
    branch.save()


def resumes(maker: Maker) -> None:
    """A resumed session goes on in a new file that repeats the old one, sometimes with new timestamps."""
    session = maker.session()
    session.turn()
    for later in (timedelta(0), timedelta(hours=30)):
        again = maker.session(at=session.now + later)
        for line in session.lines:
            record = cast("Json", json.loads(line))
            own: Json = {"sessionId": again.session_id}
            later_stamp: Json = {"timestamp": stamp(again.now)} if later else {}
            again.write(record | own | later_stamp)
        again.turn()
        again.save()
    session.save()


def duplicate_files(maker: Maker) -> None:
    """A whole file copied beside itself and into another project."""
    session = maker.session()
    session.turn()
    session.answer(ids=(None, None))
    first = session.save()
    copies = (first.with_name(f"copy of {first.name}"), first.parent.with_name("-home-app-moved") / first.name)
    for path in copies:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(first.read_bytes())


def foreign_ids(maker: Maker) -> None:
    """Other providers' message ids are unique only within a request or a session."""
    for with_request in (True, False):
        for session in (maker.session(), maker.session()):
            request_id = maker.request_id() if with_request else None
            session.answer(ids=("chatcmpl-1", request_id), outputs=[10, 120], model="claude-sonnet-5")
            session.next_turn()
            session.answer(ids=(f"resp_{maker.token(8)}", request_id and maker.request_id()), outputs=[220, 220])
            session.save()


def no_ids(maker: Maker) -> None:
    """Lines without any message id: each uuid is a call, and the same uuid twice is one."""
    session, again = maker.session(), maker.session()
    for record in session.answer(ids=(None, None), outputs=[60, 70]):
        again.write(record | {"sessionId": again.session_id})
    again.answer(ids=(None, maker.request_id()), outputs=[80])
    session.save()
    again.save()


def agent_progress(maker: Maker) -> None:
    """Old versions repeat a sub-agent's answers as progress records."""
    session = maker.session()
    agent = session.agent()
    written = agent.answer(outputs=[30, 260])
    for record in written:
        kept = ("timestamp", "requestId", "message", "uuid")
        nested: Json = {"type": "assistant"} | {name: record[name] for name in kept}
        data: Json = {"type": "agent_progress", "agentId": agent.agent_id, "message": nested}
        session.write(session.common("progress") | {"data": data, "toolUseID": "agent_msg_1"})
    session.answer()
    session.save()
    agent.save()


def tool_result_usage(maker: Maker) -> None:
    """The result of a sub-agent repeats its usage, not escaped, in the parent's transcript."""
    session = maker.session()
    agent = session.agent()
    for _ in range(2):
        agent.answer()
    usage = make_usage(maker.rng)
    agent.answer(usage=usage, outputs=[output_of(usage)])
    totals: Json = {"status": "completed", "agentId": agent.agent_id, "totalTokens": 99_999, "usage": usage}
    session.answer()
    session.tool_result(extra=totals)
    session.save()
    agent.save()


def replayed(record: Json, side: Session) -> Json:
    """Copy a record into a side conversation."""
    changed: Json = {"isSidechain": True, "agentId": side.agent_id, "timestamp": stamp(side.now)}
    return copy.deepcopy(record) | changed | {"uuid": side.maker.uuid()}


def usage_in(record: Json) -> Json:
    """Return the usage object of an assistant record made here."""
    return cast("Json", cast("Json", record["message"])["usage"])


def same_line_twice(maker: Maker) -> None:
    """A record written twice in a row, byte for byte."""
    session = maker.session()
    for record in session.answer(outputs=[90, 90]):
        session.lines.append(encode(record))
    session.save()


TRAPS: Mapping[str, Callable[[Maker], None]] = {
    trap.__name__: trap
    for trap in (
        final_on_every_line,
        final_on_last_line,
        growing_output,
        growing_out_of_order,
        no_request_id,
        two_request_ids,
        btw_sidechain,
        btw_larger,
        forks,
        resumes,
        duplicate_files,
        foreign_ids,
        no_ids,
        agent_progress,
        tool_result_usage,
        same_line_twice,
    )
}
