"""Which calls are wanted, and which come first; that engines agree is shown in tests/conformance."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from ccledger.core.call import Call, Cost, Exchange, Outcome, Party, Source, Timing
from ccledger.ledger.selection import first_ranked, is_wanted, rank
from ccledger.ledger.store import Ranking, Wanted
from tests.conformance.test_store import MORNING, make_fact

CALL = Call(
    1,
    replace(
        make_fact(),
        timing=Timing(Source.GATEWAY, MORNING, Outcome.ABORTED, 499),
        party=Party(Source.GATEWAY, "t", "a", "u", "api"),
        exchange=Exchange("chat"),
    ),
    Cost(5),
)


@dataclass(frozen=True)
class Case:
    """A filter that fits the call, and one that does not."""

    fits: Wanted
    other: Wanted


@pytest.mark.parametrize(
    "case",
    [
        Case(Wanted(model="claude-opus-5"), Wanted(model="")),
        Case(Wanted(projects=frozenset({("/home/u/app", "-home-u-app")})), Wanted(projects=frozenset())),
        Case(Wanted(session="s1"), Wanted(session="s2")),
        Case(Wanted(access_token="t"), Wanted(access_token="")),
        Case(Wanted(account="a"), Wanted(account="t")),
        Case(Wanted(user="u"), Wanted(user="")),
        Case(Wanted(mode="api"), Wanted(mode="web")),
        Case(Wanted(source="gateway"), Wanted(source="transcript")),
        Case(Wanted(endpoint="chat"), Wanted(endpoint="messages")),
        Case(Wanted(status=499), Wanted(status=200)),
        Case(Wanted(success=False), Wanted(success=True)),
    ],
)
def test_each_filter_leaves_out_what_it_does_not_mean(case: Case) -> None:
    assert is_wanted(CALL, case.fits)
    assert not is_wanted(CALL, case.other)


def test_what_has_no_rank_comes_last_either_way() -> None:
    unpriced, cheap, dear = Call(3, CALL.fact, None), CALL, Call(2, CALL.fact, Cost(9))
    assert first_ranked([unpriced, cheap, dear], Ranking.COST, 9, falling=True) == [dear, cheap, unpriced]
    assert first_ranked([unpriced, cheap, dear], Ranking.COST, 2, falling=False) == [cheap, dear]
    assert [rank(cheap, ranking) for ranking in Ranking] == [499, 20, 5]


def test_only_what_one_roll_up_tells_is_summed_up() -> None:
    assert all(one.is_summed for one in (Wanted(), Wanted(session="s", status=5), Wanted(account="a", success=True)))
    several = Wanted(account="a", user="u")
    unknown = (several, Wanted(mode="api"), Wanted(status=1), Wanted(endpoint="x"), Wanted(access_token=""))
    assert not any(one.is_summed for one in (*unknown, Wanted(source="transcript")))
