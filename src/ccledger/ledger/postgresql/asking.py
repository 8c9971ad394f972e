"""What the reading halves of the PostgreSQL ledger stand on: questions with named values, and the names on axes.

Whoever inherits this lends the connections and keeps the names; it holds nothing itself.
"""

from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from ccledger.core.periods import Days
from ccledger.core.periods import zone as zone_named
from ccledger.ledger.kinds import KINDS, project_name
from ccledger.ledger.postgresql.names import KeptNames
from ccledger.ledger.postgresql.questions import IDS_OF_NAMES, PROJECTS, SETTINGS, numbered

if TYPE_CHECKING:
    from ccledger.core.measures import Axis


_Told = ParamSpec("_Told")
_Answer = TypeVar("_Answer")
_Asked = TypeVar("_Asked", bound="Asking")


class Asking(KeptNames):
    """A store that is asked questions of `ledger.postgresql.questions`."""

    @abstractmethod
    def snapshot(self) -> "AbstractContextManager[Asking]":
        """See `Store.snapshot`."""

    def zone(self) -> str:
        """See `Store.zone`."""
        return self._setting("zone") or ""

    def horizon(self) -> int:
        """See `Store.horizon`."""
        return int(self._setting("horizon") or 0)

    def _setting(self, name: str) -> str | None:
        return self._settings().get(name)

    def _settings(self) -> Mapping[str, str]:
        return dict(self._ask(SETTINGS))

    def _ask(self, question: str, **values: Any) -> list[Any]:
        """The rows that answer a question, its values given by name."""
        text, names = numbered(question)
        return self._rows(text, *(values[name] for name in names))

    def _zone_days(self) -> Days:
        return Days(zone_named(self.zone()))

    def _ids_on(self, axis: "Axis", values: "AbstractSet[str]") -> list[int]:
        """The ids of an axis's values; that of having none is 0."""
        if axis == "source":
            from ccledger.ledger.rows import SOURCES

            return [number for number, name in SOURCES.items() if name in values]
        if axis == "project":
            found = [number for number, path, folder in self._every_project() if project_name(path, folder) in values]
        else:
            found = list(self._ids_of(KINDS[axis], values - {""}).values())
        return [*found, 0] if "" in values else found

    def _texts_on(self, axis: "Axis", ids: "AbstractSet[int]") -> Mapping[int, str]:
        """The names of ids on an axis."""
        if axis == "source":
            from ccledger.ledger.rows import SOURCES

            return SOURCES
        if axis == "project":
            projects = self._project_of(ids)
            return {number: project_name(*projects[number]) for number in ids}
        texts = self._text_of(ids)
        return {number: texts[number] or "" for number in ids}

    def _ids_of(self, kind: int, texts: Iterable[str]) -> Mapping[str, int]:
        """The ids of the texts of a kind that have one, which they keep for ever."""
        wanted, known = {*texts}, self._known_names
        if missing := [text for text in wanted if (kind, text) not in known]:
            known.update(((kind, text), number) for number, text in self._ask(IDS_OF_NAMES, kind=kind, texts=missing))
        return {text: known[kind, text] for text in wanted if (kind, text) in known}

    def _every_project(self) -> list[tuple[int, str, str]]:
        """Id, path and folder of every project, oldest first."""
        return [(number, path, folder) for number, path, folder in self._ask(PROJECTS)]


def of_one_state(
    method: Callable[Concatenate[_Asked, _Told], _Answer],
) -> Callable[Concatenate[_Asked, _Told], _Answer]:
    """Lets all that a method asks be answered from one state, whatever is written meanwhile."""

    @wraps(method)
    def ask(store: _Asked, /, *told: _Told.args, **named: _Told.kwargs) -> _Answer:
        with store.snapshot() as view:
            return method(cast("_Asked", view), *told, **named)

    return ask


def each_of_one_state(
    method: Callable[Concatenate[_Asked, _Told], Generator[_Answer]],
) -> Callable[Concatenate[_Asked, _Told], Generator[_Answer]]:
    """The same of an iterator, for as long as somebody reads it."""

    @wraps(method)
    def ask(store: _Asked, /, *told: _Told.args, **named: _Told.kwargs) -> Generator[_Answer]:
        with store.snapshot() as view:
            yield from method(cast("_Asked", view), *told, **named)

    return ask
