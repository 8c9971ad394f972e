from __future__ import annotations

import pytest

from ccledger.core.access import Credential
from ccledger.sources.gateway.credentials import authorise
from tests.sources.gateway.accounts import account

CREDENTIAL = Credential("secret-1")
GIVEN = [(b"Anthropic-Version", b"2023-06-01"), (b"x-other", b"1"), (b"x-other", b"2")]
BEARER = (b"authorization", b"Bearer secret-1")


def test_a_key_travels_as_the_api_wants_it() -> None:
    assert authorise(GIVEN, account("a"), CREDENTIAL) == [*GIVEN, (b"x-api-key", b"secret-1")]


def test_a_session_key_is_a_cookie() -> None:
    web = account("a", type="session-key")
    assert authorise(GIVEN, web, CREDENTIAL) == [*GIVEN, (b"cookie", b"sessionKey=secret-1")]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([], [b"oauth-2025-04-20"]),
        ([b""], [b"oauth-2025-04-20"]),
        ([b"a-1,b-2"], [b"a-1,b-2,oauth-2025-04-20"]),
        ([b"a-1", b"b-2"], [b"a-1", b"b-2,oauth-2025-04-20"]),
        ([b"a-1, oauth-2025-04-20 ,b-2"], [b"a-1, oauth-2025-04-20 ,b-2"]),
        ([b"oauth-2025-04-20", b"b-2"], [b"oauth-2025-04-20", b"b-2"]),
        ([b"oauth-2025-04-20-more"], [b"oauth-2025-04-20-more,oauth-2025-04-20"]),
    ],
)
def test_a_bearer_is_announced_once_beside_what_the_client_asks_for(given: list[bytes], sent: list[bytes]) -> None:
    asked = [*GIVEN, *((b"anthropic-beta", value) for value in given)]
    found = authorise(asked, account("a", type="oauth"), CREDENTIAL)
    assert found[-1] == BEARER
    assert [value for name, value in found if name == b"anthropic-beta"] == sent
    assert [entry for entry in found if entry[0] not in (b"anthropic-beta", b"authorization")] == GIVEN


def test_what_is_given_stays_as_it_is() -> None:
    given = [(b"anthropic-beta", b"a-1")]
    authorise(given, account("a", type="oauth"), CREDENTIAL)
    assert given == [(b"anthropic-beta", b"a-1")]
