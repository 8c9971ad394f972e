"""Translates calls to rows of integers and back; the ids of texts come from whoever stores them."""

from collections.abc import Callable
from typing import Any, Final

from ccledger.core.call import Billing, Call, Cost, Exchange, Fact, Party, Place, Reading, Source, Timing, Usage
from ccledger.core.rollup import Part, is_plain
from ccledger.ledger.kinds import Kind

COLUMNS: Final = (
    "id",
    "request_at",
    "model_id",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "input_cost",
    "output_cost",
    "cache_creation_cost",
    "cache_read_cost",
    "traits",
    "session_id",
    "project_id",
    "branch_id",
    "agent_id",
    "request_id",
    "web_searches",
    "web_search_cost",
    "placed_at",
    "party_source",
    "token_id",
    "account_id",
    "user_id",
    "mode_id",
    "outcome",
    "status_code",
    "duration_ms",
    "ttft_ms",
    "endpoint_id",
    "stream",
    "failed_by",
    "error_message",
    "attempts",
)
"""The columns of `request_logs`. The last `EXTRA` have a default, and a row may leave all of them out: handing over is
what costs most, and it goes by the column."""

EXTRA: Final = 17

Row = tuple[int | str | None, ...]

_UNREAD: Final = (0, 0, 0, 0, 0)
_UNPRICED: Final = (None, None, None, None)
_NOBODY: Final = (0, 0, 0, 0, 0)
_TRANSCRIPT: Final = Source.TRANSCRIPT.value
_NO_EXCHANGE: Final = (0, 0, 0, None, 0)
_NO_EXTRA: Final = (0, None, None, *_NOBODY, 0, None, None, None, *_NO_EXCHANGE)

# `traits` holds what tells nothing by itself: from the lowest bit on, terms (3 bits), origin and one more (2; 0 when
# nothing was measured), complete, sidechain, time source (3), place source (3), copied, billing (2), sources.
_ORIGIN, _COMPLETE, _SIDECHAIN, _TIME, _PLACE, _COPIED, _BILLING, _SOURCES = 3, 5, 6, 7, 10, 13, 14, 16


Spot = tuple[int, int, int, int, int, bool, dict[int, Part]]
"""The bits of `traits` that tell of a place; its session, project, branch and agent; whether a subscription covers it;
its part by model, for calls on nobody's behalf."""


def source_id(source: int) -> int:
    """A source as the roll-ups tell it apart: transcripts are 0."""
    return 0 if source == _TRANSCRIPT else source


SOURCES: Final = {source_id(source): source.name.lower() for source in Source}
"""The names of sources, by the id that the roll-ups have for them."""


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
        self._places: dict[Place | None, Spot] = {None: (0, 0, 0, 0, 0, False, {})}
        self._last_place: Place | None = None
        self._last_ids = self._places[None]
        self._parties: dict[Party | None, tuple[int, ...]] = {None: _NOBODY}
        self._endpoints: dict[str, int] = {}

    def model(self, name: str) -> int:
        """The id of a model's name."""
        number = self._models.get(name)
        if number is None:
            number = self._models[name] = self._intern(Kind.MODEL, name)
        return number

    def place(self, place: Place | None) -> Spot:
        """What `encode` needs of a place."""
        if place is self._last_place:
            return self._last_ids
        ids = self._places.get(place)
        if ids is None:
            assert place is not None
            ids = self._places[place] = (
                place.source << _PLACE | place.copied << _COPIED | place.billing << _BILLING,
                self._optional(Kind.SESSION, place.session),
                self._intern_project(place.project or "", place.folder or "") if place.project or place.folder else 0,
                self._optional(Kind.BRANCH, place.branch),
                self._optional(Kind.AGENT, place.agent),
                place.billing == Billing.SUBSCRIPTION,
                {},
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

    def exchange(self, exchange: Exchange | None) -> tuple[int | str | None, ...]:
        """Endpoint (0: no exchange is known), stream, failed by, error message, attempts."""
        if exchange is None:
            return _NO_EXCHANGE
        endpoint, stream = exchange.endpoint, int(exchange.stream)
        number = self._endpoints.get(endpoint)
        if number is None:
            number = self._endpoints[endpoint] = self._intern(Kind.ENDPOINT, endpoint)
        return (number, stream, exchange.failed_by, exchange.error, exchange.attempts)

    def _optional(self, kind: int, text: str | None) -> int:
        return 0 if text is None else self._intern(kind, text)


def encode(number: int, fact: Fact, cost: Cost | None, names: Names) -> tuple[Row, Part]:
    """A call as a row in the order of `COLUMNS`, and the part of the roll-ups its measures belong to."""
    timing, reading, party, exchange = fact.timing, fact.reading, fact.party, fact.exchange
    started_at = timing.started_at
    traits, session, project, branch, agent, _, parts = names.place(fact.place)
    traits |= fact.sources << _SOURCES | timing.source << _TIME
    last_key = fact.keys[-1] if fact.keys else ""
    request_id = last_key[4:] if last_key.startswith("req:") else None
    if reading is None:
        model, usage, searches = 0, _UNREAD, 0
    else:
        model, usage = names.model(reading.model), reading.usage
        searches = usage[5]
        traits |= (
            reading.terms
            | (reading.origin + 1) << _ORIGIN
            | reading.complete << _COMPLETE
            | reading.sidechain << _SIDECHAIN
        )
    row = (
        (number, started_at, model)
        + usage[:5]
        + (_UNPRICED if cost is None else cost[:4])
        + (traits, session, project, branch, agent, request_id)
    )
    searched = searches or (cost is not None and cost.web_search)
    source = timing.source
    is_lean = party is None and exchange is None and not searched and fact.placed_at == started_at
    if is_lean and source == _TRANSCRIPT and is_plain(timing):
        part = parts.get(model)
        if part is None:
            part = parts[model] = (0, 0, 0, project, session, 0, 0, model)
        return row, part
    on_behalf = names.party(party)
    _, token, account, user, mode = on_behalf
    placed_at = None if fact.placed_at == started_at else fact.placed_at
    extra = (searches, None if cost is None else cost.web_search, placed_at, *on_behalf, timing.outcome)
    times = (timing.status_code, timing.duration_ms, timing.first_token_ms)
    row = (*row, *extra, *times, *names.exchange(exchange))
    return row, (token, account, user, project, session, mode, source_id(source), model)


def decode(
    row: tuple[Any, ...],
    keys: tuple[str, ...],
    text_of: Callable[[int], str | None],
    project_of: Callable[[int], tuple[str | None, str | None]],
) -> Call:
    """The call in a row of `COLUMNS`; the inverse of `encode` given the texts of its ids."""
    row += _NO_EXTRA[len(row) - len(COLUMNS) + EXTRA :]
    number, request_at, model = row[:3]
    traits, session, project, branch, agent, request = row[12:18]
    searches, search_cost, placed_at, party_source, token, account, user, mode = row[18:26]
    outcome, status_code, duration_ms, ttft_ms = row[26:30]
    path, folder = project_of(project)
    place_source = traits >> _PLACE & 7
    return Call(
        number,
        Fact(
            keys if request is None else tuple(sorted({*keys, f"req:{request}"})),
            Timing(traits >> _TIME & 7, request_at, outcome, status_code, duration_ms, ttft_ms),
            _decode_reading(text_of(model) or "", Usage._make((*row[3:8], searches)), traits),
            Place(
                place_source,
                text_of(session),
                path,
                folder,
                text_of(branch),
                text_of(agent),
                bool(traits >> _COPIED & 1),
                traits >> _BILLING & 3,
            )
            if place_source
            else None,
            request_at if placed_at is None else placed_at,
            Party(party_source, text_of(token), text_of(account), text_of(user), text_of(mode))
            if party_source
            else None,
            traits >> _SOURCES,
            _decode_exchange(row[30:], text_of),
        ),
        None if row[8] is None else Cost._make((*row[8:12], search_cost or 0)),
    )


def _decode_exchange(told: tuple[Any, ...], text_of: Callable[[int], str | None]) -> Exchange | None:
    endpoint, stream, failed_by, error, attempts = told
    return Exchange(text_of(endpoint) or "", bool(stream), failed_by, error, attempts) if endpoint else None


def _decode_reading(model: str, usage: Usage, traits: int) -> Reading | None:
    origin = (traits >> _ORIGIN & 3) - 1
    if origin < 0:
        return None
    return Reading(model, usage, traits & 7, origin, bool(traits >> _COMPLETE & 1), bool(traits >> _SIDECHAIN & 1))
