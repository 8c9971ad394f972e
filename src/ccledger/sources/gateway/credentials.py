"""How each type of account shows its credential to its upstream; it neither keeps one nor sends anything."""

from typing import TYPE_CHECKING, Final

from ccledger.core.access import AccountType

if TYPE_CHECKING:
    from ccledger.core.access import Account, Credential
    from ccledger.sources.gateway.upstream import Headers

OAUTH_BETA: Final = b"oauth-2025-04-20"
"""What a bearer has to be announced with: api.anthropic.com takes it for no key of its own otherwise."""
_BETA: Final = b"anthropic-beta"


def authorise(headers: "Headers", account: "Account", credential: "Credential") -> "Headers":
    """The headers to send, with the account's credential. Those given hold none, and stay as they are."""
    secret = credential.secret.encode("ascii")
    if account.type == AccountType.API_KEY:
        return [*headers, (b"x-api-key", secret)]
    if account.type == AccountType.OAUTH:
        return [*_announced(headers), (b"authorization", b"Bearer " + secret)]
    return [*headers, (b"cookie", b"sessionKey=" + secret)]


def _announced(headers: "Headers") -> "Headers":
    """The headers with the beta of bearers at the end of the client's list, unless it is there."""
    places = [place for place, (name, _) in enumerate(headers) if name == _BETA]
    told = [beta.strip() for place in places for beta in headers[place][1].split(b",")]
    if OAUTH_BETA in told:
        return headers
    if not any(told):
        return [*(entry for entry in headers if entry[0] != _BETA), (_BETA, OAUTH_BETA)]
    last = places[-1]
    return [*headers[:last], (_BETA, headers[last][1] + b"," + OAUTH_BETA), *headers[last + 1 :]]
