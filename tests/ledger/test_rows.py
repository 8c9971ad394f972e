from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.call import Cost, Fact
from ccledger.ledger.rows import COLUMNS, EXTRA, Kind, Names, decode, encode
from tests.conformance.test_store import facts, make_fact

costs = st.none() | st.builds(Cost, *[st.integers(0, 10**12)] * 5)


class Texts:
    """Ids of texts in plain lists."""

    def __init__(self) -> None:
        self.texts: list[tuple[int, str]] = []
        self.projects: list[tuple[str, str]] = []
        self.names = Names(self.intern, self.intern_project)

    def intern(self, kind: int, text: str) -> int:
        if (kind, text) not in self.texts:
            self.texts.append((kind, text))
        return self.texts.index((kind, text)) + 1

    def intern_project(self, path: str, folder: str) -> int:
        if (path, folder) not in self.projects:
            self.projects.append((path, folder))
        return self.projects.index((path, folder)) + 1

    def text(self, number: int) -> str | None:
        return self.texts[number - 1][1] if number else None

    def project(self, number: int) -> tuple[str | None, str | None]:
        path, folder = self.projects[number - 1] if number else ("", "")
        return path or None, folder or None


@given(facts(), costs)
def test_a_row_says_everything_a_call_says(fact: Fact, cost: Cost | None) -> None:
    texts = Texts()
    row, part = encode(77, fact, cost if fact.reading else None, texts.names)
    call = decode(row, fact.keys, texts.text, texts.project)
    assert (call.id, call.fact, call.cost) == (77, fact, cost if fact.reading else None)
    assert len(row) in (len(COLUMNS), len(COLUMNS) - EXTRA)
    assert bool(part[-1]) == (fact.reading is not None)


def test_what_a_transcript_can_not_know_is_left_out_of_its_rows() -> None:
    row, _ = encode(1, make_fact(), None, Texts().names)
    assert len(row) == len(COLUMNS) - EXTRA


def test_names_ask_once_for_each_text() -> None:
    asked: list[tuple[int, str]] = []

    def intern(kind: int, text: str) -> int:
        asked.append((kind, text))
        return len(asked)

    names = Names(intern, lambda _path, _folder: 1)
    assert [names.model("a"), names.model("a"), names.model("b")] == [1, 1, 2]
    names.forget()
    names.model("a")
    assert asked == [(Kind.MODEL, "a"), (Kind.MODEL, "b"), (Kind.MODEL, "a")]
