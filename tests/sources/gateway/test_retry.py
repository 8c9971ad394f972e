from __future__ import annotations

import pytest

from ccledger.sources.gateway.retry import FAILURES, Verdict, is_retryable, verdict_of

TABLE = {
    Verdict.FINE: (200, 201, 204, 301, 400, 404, 405, 408, 409, 413, 415, 422, 499),
    Verdict.FORBIDDEN: (403,),
    Verdict.REFUSED: (401,),
    Verdict.LIMITED: (402, 429),
    Verdict.OVERLOADED: (529,),
    Verdict.BROKEN: (500, 501, 502, 503, 504, 520, 524, 530, 599),
}


@pytest.mark.parametrize(("verdict", "status"), [(verdict, status) for verdict in TABLE for status in TABLE[verdict]])
def test_what_a_status_says_of_the_account(verdict: Verdict, status: int) -> None:
    assert verdict_of(status) is verdict
    assert is_retryable(status) == (verdict is not Verdict.FINE)


def test_a_call_that_failed_on_its_way_is_sent_again() -> None:
    assert all(map(is_retryable, FAILURES))
    assert not is_retryable("cancelled")
