"""Single keys of Claude Code's settings change; everything else stays as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.claude_settings import with_entry, with_values, without_entry

OTHER = {"type": "command", "command": "~/bin/other-line.sh", "padding": 0}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=4) | st.just("statusLine"), values, max_size=4),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
def test_any_settings_keep_what_they_say(told: dict[str, Any], indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(told, indent=indent, ensure_ascii=ascii_only)
    changed = with_entry(text, "statusLine", OTHER)
    assert json.loads(changed) == {**told, "statusLine": OTHER}
    without = without_entry(changed, "statusLine")
    assert json.loads(without) == {key: value for key, value in told.items() if key != "statusLine"}
    if told and "statusLine" not in told:
        assert without == text


def test_a_key_that_stands_twice_is_laid_out_anew() -> None:
    text = '{"statusLine": 1, "a": 2, "statusLine": 3}'
    changed = without_entry(text, "statusLine")
    assert json.loads(changed) == {"a": 2}


@given(
    st.dictionaries(st.text(max_size=3), values, max_size=3),
    st.none() | st.dictionaries(st.text(max_size=3) | st.sampled_from(["A", "B"]), st.text(max_size=3), max_size=3),
    st.dictionaries(st.sampled_from(["A", "B", "C"]), st.none() | st.text(max_size=3), max_size=3),
    st.sampled_from([None, 0, 2, "\t"]),
)
def test_values_within_a_key_change_alone(
    others: dict[str, Any], env: dict[str, str] | None, wanted: dict[str, str | None], indent: int | str | None
) -> None:
    told = others if env is None else {**others, "env": env}
    changed = with_values(json.dumps(told, indent=indent), "env", wanted)
    expected = {name: value for name, value in {**(env or {}), **wanted}.items() if value is not None}
    assert json.loads(changed) == {**told, "env": expected}


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", '{\n  "env": {"A": "1"}\n}\n'),
        ('{"x":1}', '{"x":1,"env": {"A": "1"}}'),
        ('{\n    "env": {\n        "B": "é"\n    },\n\n    "x": [1,2]\n}\n', None),
    ],
)
def test_what_was_written_stays_as_it_was_written(text: str, changed: str | None) -> None:
    wanted = text.replace('"B": "é"', '"B": "é",\n        "A": "1"') if changed is None else changed
    assert with_values(text, "env", {"A": "1", "C": None}) == wanted
    if changed is None:
        assert with_values(wanted, "env", {"A": None}) == text
