"""What a request asks for, in every form that Claude Code and others write, and what is refused with a sentence."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.call import Terms
from ccledger.core.errors import LedgerError
from ccledger.wire.asked import Asked, Malformed, estimate_tokens, read_request

DEVICE, ACCOUNT, SESSION = "ab" * 32, "0a7e1c1c-0000-4000-8000-00000000acc0", "a4e5e884-a923-4c18-a977-dd91bed715ba"


def ask(**fields: object) -> Asked:
    return read_request(json.dumps({"model": "claude-opus-5", "messages": []} | fields).encode())


def test_the_plain_fields() -> None:
    asked = ask(stream=True, max_tokens=4096, speed="fast", inference_geo="us")
    assert (asked.model, asked.stream, asked.max_tokens) == ("claude-opus-5", True, 4096)
    assert asked.terms == Terms.FAST | Terms.US_ONLY
    assert ask()[:3] == ("claude-opus-5", False, None)
    assert ask().terms == Terms.NONE


@pytest.mark.parametrize(
    ("user_id", "names"),
    [
        (f"user_{DEVICE}_account_{ACCOUNT}_session_{SESSION}", (DEVICE, ACCOUNT, SESSION)),
        (f"user_{DEVICE}_account__session_{SESSION}", (DEVICE, "", SESSION)),
        (
            json.dumps({"device_id": DEVICE, "account_uuid": ACCOUNT, "session_id": SESSION, "new": [1]}),
            (DEVICE, ACCOUNT, SESSION),
        ),
        (json.dumps({"device_id": DEVICE, "account_uuid": "", "session_id": SESSION}), (DEVICE, "", SESSION)),
        (json.dumps({"device_id": 5, "session_id": None}), ("", "", "")),
        ("customer-17", ("customer-17", "", "")),
        ("{not json", ("{not json", "", "")),
        ("x" * 900, ("x" * 200, "", "")),
        ("a\0b", ("a\ufffdb", "", "")),
        (None, ("", "", "")),
        (17, ("", "", "")),
    ],
)
def test_who_asks(user_id: object, names: tuple[str, str, str]) -> None:
    asked = ask(metadata={"user_id": user_id})
    assert (asked.user, asked.account, asked.session) == names


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": "many"},
        {"max_tokens": -1},
        {"max_tokens": True},
        {"max_tokens": 1e300},
        {"stream": "yes"},
        {"metadata": []},
        {"metadata": "x"},
        {"speed": 1, "inference_geo": []},
        {"messages": "none", "system": 5, "tools": {}},
    ],
)
def test_what_only_the_upstream_can_judge_is_left_to_it(fields: dict[str, Any]) -> None:
    asked = ask(**fields)
    assert (asked.stream, asked.max_tokens, asked.terms, asked.session) == (False, None, 0, "")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'{"model":"m"} x', "JSON"),
        (b"[1]", "JSON object"),
        (b'"model"', "JSON object"),
        (b"null", "JSON object"),
        (b'{"model":"m","x":"\xff"}', "UTF-8"),
        ("{" + '"model":"m"'.encode("utf-16-le").decode("latin-1") + "}", "JSON"),
        (b"{}", "must name a model"),
        (b'{"model":""}', "must name a model"),
        (b'{"model":"  "}', "must name a model"),
        (b'{"model":7}', "must name a model"),
        (b'{"model":"' + b"m" * 257 + b'"}', "at most 256"),
        (b'{"model":"m","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_what_is_no_request_is_refused_with_a_sentence(body: bytes | str, says: str) -> None:
    with pytest.raises(Malformed, match=says) as raised:
        read_request(body if isinstance(body, bytes) else body.encode())
    assert isinstance(raised.value, LedgerError)


def test_a_field_is_read_as_the_upstream_reads_it() -> None:
    assert read_request(b'{"model":"cheap","mod\\u0065l":"dear"}').model == "dear"
    assert read_request('{"model":"模型"}'.encode()).model == "模型"


def test_input_is_what_the_model_reads() -> None:
    messages = [{"role": "user", "content": "hello"}]
    size = len(json.dumps(messages))
    assert ask(messages=messages).text_bytes == size
    both = ask(messages=messages, system="be kind", tools=[{"name": "x"}], metadata={"user_id": "x" * 999})
    assert both.text_bytes == size + len(json.dumps("be kind")) + len(json.dumps([{"name": "x"}]))


def test_a_picture_counts_as_one_not_by_its_bytes() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 4_000_000}
    asked = ask(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])
    assert 1_000 < estimate_tokens(asked.text_bytes) < 3_000


def test_tokens_are_about_a_third_of_the_bytes() -> None:
    assert [estimate_tokens(size) for size in (0, 1, 7, 8)] == [0, 1, 2, 3]


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(repr).map(str.encode))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    with suppress(Malformed):
        assert read_request(body).model
