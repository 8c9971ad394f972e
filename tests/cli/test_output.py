from __future__ import annotations

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.output import flush, note, write, write_json


class Terminal(io.TextIOWrapper):
    """A standard output with an encoding of its own."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    @property
    def written(self) -> bytes:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


def test_a_terminal_without_the_characters_gets_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := Terminal("ascii"))
    write("≥ $1 商店")
    assert terminal.written == b"? $1 ??\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "gbk"])
def test_json_is_the_same_value_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := Terminal(encoding))
    write_json({"商店": "\udcff é"})
    assert json.loads(terminal.written.decode(encoding)) == {"商店": "\udcff é"}


def test_json_keeps_chinese_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := Terminal("utf-8"))
    write_json(["商店"])
    assert terminal.written.decode() == '[\n  "商店"\n]\n'


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_can_be_written(value: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", terminal := Terminal("utf-8"))
        write_json(value)
    assert json.loads(terminal.written) == value


def test_a_closed_output_takes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    write("a")
    write_json("b")
    note("c")
    flush()


def test_a_note_goes_beside_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    note("careful")
    assert capsys.readouterr() == ("", "ccledger: careful\n")
