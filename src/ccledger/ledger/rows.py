"""Translates calls to rows of integers and back; the ids of texts come from whoever stores them."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

from ccledger.core.call import Call, Cost, Fact, Party, Place, Reading, Timing, Usage
from ccledger.core.periods import QUARTER_MS
from ccledger.core.rollup import Group

COLUMNS: Final = (
    "id",
    "request_at",
    "model_id",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "web_searches",
    "input_cost",
    "output_cost",
    "cache_creation_cost",
    "cache_read_cost",
    "web_search_cost",
    "terms",
    "origin",
    "complete",
    "sidechain",
    "time_source",
    "place_source",
    "session_id",
    "project_id",
    "branch_id",
    "agent_id",
    "copied",
    "billing",
    "placed_at",
    "sources",
    "request_id",
    "party_source",
    "token_id",
    "account_id",
    "user_id",
    "mode_id",
    "outcome",
    "status_code",
    "duration_ms",
    "ttft_ms",
)
"""The columns of `request_logs`. The last `EXTRA` have a default, and a row may leave all of them out."""

EXTRA: Final = 9

Row = tuple[int | str | None, ...]

_NO_USAGE: Final = (0, 0, 0, 0, 0, 0)
_UNPRICED: Final = (None, None, None, None, None)
_NO_EXTRA: Final = (0, 0, 0, 0, 0, 0, None, None, None)
_UNREAD: Final = (0, -1, 1, 0)


class Kind(IntEnum):
    """What a text in the table `name` is; the number is stored."""

    MODEL = 1
    SESSION = 2
    BRANCH = 3
    AGENT = 4
    ACCESS_TOKEN = 5
    ACCOUNT = 6
    USER = 7
    MODE = 8


class Names:
    """Ids of texts, as some store keeps them; id 0 is "none"."""

    def __init__(
        self,
        intern: Callable[[int, str], int],
        intern_project: Callable[[str, str], int],
    ) -> None:
        self._intern = intern
        self._intern_project = intern_project
        self.forget()

    def forget(self) -> None:
        """Drops every remembered id: after a transaction that did not happen, they may be wrong."""
        self._models: dict[str, int] = {}
        self._places: dict[Place | None, tuple[int, ...]] = {None: (0, 0, 0, 0, 0, 0, 0)}
        self._last_place: Place | None = None
        self._last_ids = self._places[None]
        self._parties: dict[Party | None, tuple[int, ...]] = {None: (0, 0, 0, 0, 0)}

    def model(self, name: str) -> int:
        """The id of a model's name."""
        number = self._models.get(name)
        if number is None:
            number = self._models[name] = self._intern(Kind.MODEL, name)
        return number

    def place(self, place: Place | None) -> tuple[int, ...]:
        """source, session, project, branch, agent, copied, billing."""
        if place is self._last_place:
            return self._last_ids
        ids = self._places.get(place)
        if ids is None:
            assert place is not None
            ids = self._places[place] = (
                place.source,
                self._optional(Kind.SESSION, place.session),
                self._intern_project(place.project or "", place.folder or "") if place.project or place.folder else 0,
                self._optional(Kind.BRANCH, place.branch),
                self._optional(Kind.AGENT, place.agent),
                int(place.copied),
                place.billing,
            )
        self._last_place, self._last_ids = place, ids
        return ids

    def party(self, party: Party | None) -> tuple[int, ...]:
        """source, access token, account, user, mode."""
        ids = self._parties.get(party)
        if ids is None:
            assert party is not None
            ids = self._parties[party] = (
                party.source,
                self._optional(Kind.ACCESS_TOKEN, party.access_token),
                self._optional(Kind.ACCOUNT, party.account),
                self._optional(Kind.USER, party.user),
                self._optional(Kind.MODE, party.mode),
            )
        return ids

    def _optional(self, kind: int, text: str | None) -> int:
        return 0 if text is None else self._intern(kind, text)


def encode(number: int, fact: Fact, cost: Cost | None, names: Names) -> tuple[Row, Group]:
    """A call as a row in the order of `COLUMNS`, and the group its measures belong to."""
    timing, reading, party = fact.timing, fact.reading, fact.party
    started_at = timing.started_at
    place = names.place(fact.place)
    last_key = fact.keys[-1] if fact.keys else ""
    request_id = last_key[4:] if last_key.startswith("req:") else None
    if reading is None:
        model, usage, evidence = 0, _NO_USAGE, (*_UNREAD, timing.source)
    else:
        model, usage = names.model(reading.model), reading.usage
        evidence = (reading.terms, reading.origin, reading.complete, reading.sidechain, timing.source)
    row = (
        (number, started_at, model)
        + usage
        + (_UNPRICED if cost is None else cost)
        + evidence
        + place
        + (fact.placed_at, fact.sources, request_id)
    )
    plain = timing.duration_ms is None and timing.first_token_ms is None and timing.status_code is None
    if plain and party is None and not timing.outcome:
        return row, (started_at // QUARTER_MS, 0, 0, 0, place[2], place[1], 0, model)
    on_behalf = names.party(party)
    _, token, account, user, mode = on_behalf
    extra = (*on_behalf, timing.outcome, timing.status_code, timing.duration_ms, timing.first_token_ms)
    return (*row, *extra), (started_at // QUARTER_MS, token, account, user, place[2], place[1], mode, model)


def decode(
    row: tuple[Any, ...],
    keys: tuple[str, ...],
    text_of: Callable[[int], str | None],
    project_of: Callable[[int], tuple[str | None, str | None]],
) -> Call:
    """The call in a row of `COLUMNS`; the inverse of `encode` given the texts of its ids."""
    row += _NO_EXTRA[len(row) - len(COLUMNS) + EXTRA :]
    (number, request_at, model, *counts) = row[:9]
    money, (terms, origin, complete, sidechain, time_source) = row[9:14], row[14:19]
    place_source, session, project, branch, agent, copied, billing, placed_at, sources, request = row[19:29]
    party_source, token, account, user, mode, outcome, status_code, duration_ms, ttft_ms = row[29:]
    path, folder = project_of(project)
    return Call(
        number,
        Fact(
            keys if request is None else tuple(sorted({*keys, f"req:{request}"})),
            Timing(time_source, request_at, outcome, status_code, duration_ms, ttft_ms),
            Reading(text_of(model) or "", Usage(*counts), terms, origin, bool(complete), bool(sidechain))
            if origin >= 0
            else None,
            Place(place_source, text_of(session), path, folder, text_of(branch), text_of(agent), bool(copied), billing)
            if place_source
            else None,
            placed_at,
            Party(party_source, text_of(token), text_of(account), text_of(user), text_of(mode))
            if party_source
            else None,
            sources,
        ),
        None if money[0] is None else Cost(*money),
    )
