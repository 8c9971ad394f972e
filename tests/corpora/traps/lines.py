"""Traps in the bytes of a line or at the end of a file; the counts themselves are plain."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from ..records import Json, Maker, Session, encode, make_usage

MEGABYTE = 1 << 20


def spaced_json(maker: Maker) -> None:
    """JSON with spaces after colons and commas, as other writers produce it."""
    session = maker.session()
    records = [*session.answer(outputs=[20, 100]), *session.answer(outputs=[100])]
    session.lines = [json.dumps(record).encode() for record in records]
    session.lines[-1] = session.lines[-1].replace(b'"usage": {', b'"usage" :\t{')
    session.save()


def lone_surrogate(maker: Maker) -> None:
    """Half of an emoji, as cut text leaves it."""
    spoil_last_lines(maker, b"\\ud83d")


def bad_utf8(maker: Maker) -> None:
    """Bytes that are not UTF-8 inside a string."""
    spoil_last_lines(maker, b"\xff\xfe \xc3( \xed\xa0\xbd \xf0\x9f")


def control_characters(maker: Maker) -> None:
    """Line separators of Unicode inside a string do not end a line."""
    spoil_last_lines(maker, "\u2028 \u2029 \u0085 \x7f \ufeff".encode())


def spoil_last_lines(maker: Maker, spoil: bytes) -> None:
    """Put some bytes into the text of the lines that carry the final count; plain answers follow."""
    session = maker.session()
    for outputs in ([100], [1, 100]):
        session.answer(outputs=outputs, tool_input={"command": "echo SPOIL"})
        session.lines[-1] = session.lines[-1].replace(b"SPOIL", b"cut " + spoil + b" off")
        session.next_turn()
    session.turn()
    session.save()


def escaped_usage_text(maker: Maker) -> None:
    """Tool output that quotes a transcript."""
    session = maker.session()
    quoted = encode(session.answer(outputs=[100])[0]).decode()
    session.tool_result(quoted + "\n" + quoted)
    session.ask('{"type":"assistant","message":{"id":"msg_quoted","usage":{"output_tokens":9}}}')
    session.answer(outputs=[100], tool_input={"content": quoted})
    session.save()


def nul_runs(maker: Maker) -> None:
    """Runs of NUL bytes, as a crash leaves them: alone on a line, and before a record that is also written in full."""
    session = maker.session()
    session.answer(outputs=[100, 100])
    session.lines.insert(0, b"\0" * 4096)
    session.lines.append(b"\0" * 512 + session.lines[-1])
    session.turn()
    session.lines.append(b"\0" * 9000)
    session.save(end=b"\n\0\0\0")


def garbage_lines(maker: Maker) -> None:
    """Lines that are no records: broken, empty, of another shape, several at once."""
    session = maker.session()
    record = encode(session.answer(outputs=[100])[-1])
    session.turn()
    junk = (
        b"",
        b"   ",
        b"{",
        b"}{",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"<html>",
        b"\xff\xff\xff",
        b'{"type":"assistant"}',
        b'{"type":"assistant","message":{"usage":{',
        record[: len(record) // 2],
        record[len(record) // 2 :],
        b'x"usage":{"input_tokens":5}',
        b'[{"type":"assistant","message":{"usage":{"output_tokens":5}}}]',
        record + record,
        b'{"usage":{"output_tokens":12}}',
    )
    for index, line in enumerate(junk):
        session.lines.insert((3 * index) % len(session.lines), line)
    session.save()


def image_lines(maker: Maker) -> None:
    """Lines of several megabytes: pasted images, and an answer that writes a large file."""
    session = maker.session()
    picture = maker.token(1000) * (3 * MEGABYTE // 1000)
    source: Json = {"type": "base64", "media_type": "image/png", "data": picture}
    session.ask()
    session.write(
        session.common("user") | {"message": {"role": "user", "content": [{"type": "image", "source": source}]}}
    )
    session.answer(outputs=[5, 100])
    session.answer(outputs=[100], tool_input={"file_path": "/tmp/x", "content": picture[: 2 * MEGABYTE + 17]})
    for size in (MEGABYTE - 1200, MEGABYTE - 600, MEGABYTE, 1):
        session.tool_result(picture[:size])
        session.answer(outputs=[100])
    session.save()


def tail_whole(maker: Maker) -> None:
    """The last record is complete but has no newline yet."""
    session = maker.session()
    session.turn()
    session.answer(outputs=[100])
    session.save(end=b"")


def tail_cut(maker: Maker) -> None:
    """The last record is being written: cut in its content, or in the middle of its counts."""
    for cut in (b'"usage":{"input', b'"output_tokens":1', b'"content":['):
        session = maker.session()
        session.turn()
        session.answer(outputs=[1, 150])
        at = session.lines[-1].index(cut) + len(cut)
        session.lines[-1] = session.lines[-1][:at]
        session.save(end=b"")


def crlf(maker: Maker) -> None:
    """Lines end as on Windows."""
    session = maker.session()
    session.turn()
    session.answer(outputs=[1, 100])
    session.lines = [line + b"\r" for line in session.lines]
    session.save()


def byte_order_mark(maker: Maker) -> None:
    """An editor put a byte order mark before the first line, which is no answer."""
    session = maker.session()
    session.ask()
    session.lines[0] = b"\xef\xbb\xbf" + session.lines[0]
    session.answer(outputs=[100])
    session.save()


def unknown_records(maker: Maker) -> None:
    """Record types that carry no call, some of them with numbers that look like one."""
    session = maker.session()
    session.turn()
    usage = make_usage(maker.rng)
    for kind in ("attachment", "last-prompt", "mode", "relocated", "api-request", "started", "result", "brand-new"):
        session.write({"type": kind, "sessionId": session.session_id, "usage": usage})
    write_bookkeeping(session, usage)
    session.save()


def write_bookkeeping(session: Session, usage: Json) -> None:
    """Write records whose totals repeat what the answers already say."""
    message: Json = {"id": session.maker.message_id(), "model": "claude-opus-5", "usage": usage}
    spent: Json = {"inputTokens": 5, "outputTokens": 6, "cacheReadInputTokens": 7, "costUSD": 1.5}
    state: Json = {"totalCostUSD": 1.5, "modelUsage": {"claude-opus-5[1m]": spent}, "hasUnknownModelCost": False}
    session.write({"type": "cost-state", "sessionId": session.session_id} | state)
    session.write(session.common("system") | {"subtype": "turn_duration", "message": message, "usage": usage})
    session.write(session.common("user") | {"message": {"role": "user", "content": "x", "usage": usage}})
    session.write({"type": "summary", "summary": "usage", "leafUuid": session.parent})
    session.write({"type": "file-history-snapshot", "messageId": session.parent, "snapshot": {"message": message}})
    session.write(session.common("Assistant") | {"message": message})
    session.write(session.common("assistant") | {"type": None, "message": message})


def deep_nesting(maker: Maker) -> None:
    """A tool's input nested deeply, and a user's line nested beyond reason."""
    session = maker.session()
    session.answer(outputs=[100], tool_input={"command": "NEST"})
    session.lines[-1] = session.lines[-1].replace(b'"NEST"', b'{"a":[' * 100 + b"1" + b"]}" * 100)
    session.ask("NEST")
    abyss = b"[" * 100_000 + b'{"usage":{"output_tokens":1}}' + b"]" * 100_000
    session.lines[-1] = session.lines[-1].replace(b'"NEST"', abyss)
    session.turn()
    session.save()


TRAPS: Mapping[str, Callable[[Maker], None]] = {
    trap.__name__: trap
    for trap in (
        spaced_json,
        lone_surrogate,
        bad_utf8,
        control_characters,
        escaped_usage_text,
        nul_runs,
        garbage_lines,
        image_lines,
        tail_whole,
        tail_cut,
        crlf,
        byte_order_mark,
        unknown_records,
        deep_nesting,
    )
}
