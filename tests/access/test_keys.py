"""Keys: what they look like, what is kept of them, and whose they are."""

import hashlib
import re
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ccledger.access.keys import KeyRing, Signing, digest_of, hint_of, new_key, signed_key
from ccledger.core.access import AccessToken
from ccledger.core.errors import UsageError
from ccledger.core.ports import Keys
from ccledger.ledger.store import KeptToken

TOKEN = AccessToken("t1", "laptop", "owner", 1_795_160_000_123)
KEY = "ccl-" + "A" * 43
SIGNING = Signing("s" * 32)
CLAIMS = {"jti": "t1", "iss": "ccproxy", "iat": 1_795_160_000}


def ring(token: AccessToken = TOKEN, signing: Signing | None = SIGNING) -> KeyRing:
    return KeyRing([KeptToken(token, digest_of(KEY))], signing)


def sign(claims: dict[str, Any], secret: str = SIGNING.secret, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm)


def test_a_key_is_256_random_bits_in_43_characters() -> None:
    asked: list[int] = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return bytes(range(count))

    assert new_key(random_bytes) == "ccl-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert asked == [32]


@given(st.binary(min_size=32, max_size=32))
def test_any_key_can_stand_in_a_header_and_differs_from_others(raw: bytes) -> None:
    key = new_key(lambda _: raw)
    assert re.fullmatch(r"ccl-[A-Za-z0-9_-]{43}", key)
    assert (new_key(lambda _: bytes(32)) == key) == (raw == bytes(32))


def test_only_a_hash_is_kept_and_the_hint_tells_next_to_nothing() -> None:
    assert digest_of(KEY) == hashlib.sha256(KEY.encode()).digest()
    assert hint_of(KEY) == "ccl-AAAA…"
    assert hint_of(signed_key(TOKEN, SIGNING)) == ""


def test_the_token_of_a_key_is_found_and_nobody_elses() -> None:
    keys: Keys = ring()
    assert keys.find(KEY) is TOKEN
    for wrong in ("", KEY[:-1], KEY + "A", KEY.lower(), "t1", f" {KEY}", KEY * 100, "\ud800", ".."):
        assert keys.find(wrong) is None


def test_expired_and_revoked_tokens_are_found_and_deleted_ones_are_not() -> None:
    keys = ring()
    ended = replace(TOKEN, expires_at=1, revoked_at=1)
    keys.put(KeptToken(ended, digest_of(KEY)))
    assert keys.find(KEY) is ended
    keys.put(KeptToken(ended, digest_of(KEY), 5))
    assert keys.find(KEY) is None
    assert keys.find(sign(CLAIMS)) is None
    assert KeyRing([KeptToken(TOKEN, digest_of(KEY), 5)]).find(KEY) is None


def test_a_signed_key_carries_the_claims_of_the_specification() -> None:
    token = replace(TOKEN, mode="both", expires_at=1_795_160_000_500)
    key = signed_key(token, SIGNING)
    assert jwt.decode(key, SIGNING.secret, ["HS256"], {"verify_iat": False, "verify_exp": False}, issuer="ccproxy") == {
        "jti": "t1",
        "sub": "laptop",
        "name": "laptop",
        "mode": "both",
        "iss": "ccproxy",
        "iat": 1_795_160_000,
        "exp": 1_795_160_001,
    }
    assert jwt.get_unverified_header(key)["alg"] == "HS256"
    assert ring(token).find(key) is token
    assert "exp" not in jwt.decode(signed_key(TOKEN, SIGNING), options={"verify_signature": False})


def test_signed_keys_need_a_secret_to_be_configured() -> None:
    assert ring(signing=None).find(signed_key(TOKEN, SIGNING)) is None


def test_a_signed_key_may_expire_before_its_token_does() -> None:
    found = ring().find(sign({**CLAIMS, "exp": 7}))
    assert found == replace(TOKEN, expires_at=7000)
    early = replace(TOKEN, expires_at=5000)
    assert ring(early).find(sign({**CLAIMS, "exp": 7})) is early
    assert ring(early).find(sign({**CLAIMS, "exp": 3})) == replace(TOKEN, expires_at=3000)


@pytest.mark.parametrize(
    "key",
    [
        sign(CLAIMS, "x" * 32),
        sign({**CLAIMS, "jti": "t2"}),
        sign({**CLAIMS, "jti": 1}),
        sign({**CLAIMS, "iss": "somebody"}),
        sign({**CLAIMS, "nbf": 1 << 40}),
        sign({**CLAIMS, "exp": "soon"}),
        sign({**CLAIMS, "exp": 1e400}),
        sign({name: value for name, value in CLAIMS.items() if name != "jti"}),
        sign({name: value for name, value in CLAIMS.items() if name != "iss"}),
        sign({name: value for name, value in CLAIMS.items() if name != "iat"}),
        sign(CLAIMS, "s" * 64, "HS512"),
        sign(CLAIMS, "", "none"),
        sign(CLAIMS)[:-2],
        sign(CLAIMS).rpartition(".")[0] + ".",
        "a.b.c",
        "é.é.é",
    ],
)
def test_a_signed_key_that_is_not_ours_is_nobodys(key: str) -> None:
    assert ring().find(key) is None


def test_nothing_signs_with_a_short_secret_and_no_secret_is_shown() -> None:
    with pytest.raises(UsageError, match="at least 32 bytes"):
        Signing("s" * 31)
    assert "sss" not in repr(SIGNING)
