"""Which calls are wanted and which of them come first, told from the calls themselves; it asks no store."""

from collections.abc import Iterable
from heapq import nsmallest

from ccledger.core.call import Call, Outcome, Source
from ccledger.ledger.store import Ranking, Wanted


def is_wanted(call: Call, wanted: Wanted) -> bool:
    """Whether a call is one of those that are meant; the empty text stands for having nothing."""
    fact = call.fact
    timing, party, place, exchange = fact.timing, fact.party, fact.place, fact.exchange
    project = ("", "") if place is None else (place.project or "", place.folder or "")
    return (
        wanted.model in (None, "" if fact.reading is None else fact.reading.model)
        and (wanted.projects is None or project in wanted.projects)
        and wanted.session in (None, "" if place is None else place.session or "")
        and wanted.access_token in (None, "" if party is None else party.access_token or "")
        and wanted.account in (None, "" if party is None else party.account or "")
        and wanted.user in (None, "" if party is None else party.user or "")
        and wanted.mode in (None, "" if party is None else party.mode or "")
        and wanted.source in (None, Source(timing.source).name.lower())
        and wanted.endpoint in (None, "" if exchange is None else exchange.endpoint)
        and wanted.status in (None, timing.status_code)
        and wanted.success in (None, timing.outcome == Outcome.OK)
    )


def first_ranked(calls: Iterable[Call], ranking: Ranking, limit: int, *, falling: bool) -> list[Call]:
    """The first calls by a ranking; see `Store.ranked`."""
    sign = -1 if falling else 1

    def place(call: Call) -> tuple[bool, int, int, int]:
        value = rank(call, ranking)
        return value is None, sign * (value or 0), -call.fact.timing.started_at, -call.id

    return nsmallest(limit, calls, place)


def rank(call: Call, ranking: Ranking) -> int | None:
    """What a call is ranked by; None when it has none."""
    match ranking:
        case Ranking.STATUS:
            return call.fact.timing.status_code
        case Ranking.TOKENS:
            return 0 if call.fact.reading is None else call.fact.reading.usage.total_tokens
        case Ranking.COST:
            return None if call.cost is None else call.cost.total
