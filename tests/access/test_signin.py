"""What an administrator shows, what they are given for it, and what nobody can make themselves."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from typing import Any

import jwt
import pytest

from ccledger.access.signin import SESSION_SECONDS, Secrets, SignIn, TooManyAttempts

HERE = "192.0.2.1"
SECRETS = Secrets("the-key", sha256(b"correct horse").hexdigest())
DAY = 86_400_000


class World:
    """A clock, random numbers that repeat, and what was signed out."""

    def __init__(self) -> None:
        self.now = 1_795_168_800_000
        self.ended: dict[str, int] = {}
        self._numbers = count()

    def random(self, length: int) -> bytes:
        return next(self._numbers).to_bytes(length, "big")

    def signin(self, secrets: Secrets = SECRETS, key: bytes = b"master") -> SignIn:
        return SignIn(secrets, keys(key), lambda: self.now, self.random, self.ended)


def keys(master: bytes) -> Callable[[str], bytes]:
    return lambda purpose: sha256(master + purpose.encode()).digest()


@pytest.fixture
def world() -> World:
    return World()


def is_password(signin: SignIn, password: str, address: str = HERE) -> bool:
    return asyncio.run(signin.is_password(password, address))


def test_the_password_is_told_from_others(world: World) -> None:
    signin = world.signin()
    assert signin.password_set
    assert is_password(signin, "correct horse")
    assert not is_password(signin, "correct horse ")
    assert not is_password(signin, SECRETS.password_hash)
    without = world.signin(Secrets("the-key"))
    assert not without.password_set
    assert not is_password(without, "")


def test_the_eleventh_wrong_password_waits_and_so_does_the_right_one(world: World) -> None:
    signin = world.signin()
    assert not any(is_password(signin, f"guess {number}") for number in range(10))
    with pytest.raises(TooManyAttempts) as error:
        is_password(signin, "correct horse")
    assert error.value.wait_seconds == 60
    assert is_password(signin, "correct horse", "192.0.2.2")
    world.now += 60_000
    assert is_password(signin, "correct horse")


def test_the_admin_key_is_told_from_others(world: World) -> None:
    signin = world.signin()
    assert all(signin.is_admin_key("the-key", HERE) for _ in range(100))
    assert not any(signin.is_admin_key(f"key {number}", HERE) for number in range(10))
    with pytest.raises(TooManyAttempts):
        signin.is_admin_key("key 11", HERE)
    assert signin.is_admin_key("the-key", HERE), "nobody locks its owner out"
    assert not world.signin(Secrets()).is_admin_key("", HERE)


def test_passwords_and_keys_are_guessed_at_together(world: World) -> None:
    signin = world.signin()
    assert not any(signin.is_admin_key("wrong", HERE) for _ in range(5))
    assert not any(is_password(signin, "wrong") for _ in range(5))
    with pytest.raises(TooManyAttempts):
        signin.is_admin_key("wrong", HERE)
    with pytest.raises(TooManyAttempts):
        is_password(signin, "correct horse")


def test_guesses_from_everywhere_lock_nobody_out(world: World) -> None:
    signin = world.signin()
    assert not any(signin.is_admin_key("wrong", f"198.51.100.{number}") for number in range(60))
    with pytest.raises(TooManyAttempts):
        signin.is_admin_key("wrong", "198.51.100.1")
    assert signin.is_admin_key("the-key", "198.51.100.1")
    assert is_password(signin, "correct horse")


def test_a_code_is_good_once(world: World) -> None:
    signin = world.signin()
    code, other = signin.invite(), signin.invite()
    assert len(code) == 43
    assert code != other
    assert signin.take_code(code)
    assert not signin.take_code(code)
    assert not signin.take_code("")
    assert signin.take_code(other)


def test_a_code_is_good_for_two_minutes(world: World) -> None:
    signin = world.signin()
    code, other = signin.invite(), signin.invite()
    world.now += 119_999
    assert signin.take_code(code)
    world.now += 1
    assert not signin.take_code(other)


def test_a_code_is_kept_as_its_digest_and_not_for_ever(world: World) -> None:
    signin = world.signin()
    codes = [signin.invite() for _ in range(17)]
    assert not any(code in repr(vars(signin)) for code in codes)
    assert [signin.take_code(code) for code in codes] == [False] + [True] * 16


def test_a_session_holds_a_week_and_longer_for_who_comes_back(world: World) -> None:
    signin = world.signin()
    text = signin.begin_session()
    session = signin.read_session(text)
    assert session is not None
    assert session.expires_at == world.now + SESSION_SECONDS * 1000
    assert signin.renew(session) is None
    world.now += DAY
    renewed = signin.renew(session)
    assert renewed is not None
    world.now += 6 * DAY - 1
    assert signin.read_session(text) == session
    world.now += 1
    assert signin.read_session(text) is None
    longer = signin.read_session(renewed)
    assert longer == session._replace(expires_at=session.expires_at + DAY)


def test_a_session_ends_after_thirty_days_however_often_it_is_used(world: World) -> None:
    signin = world.signin()
    begun, text = world.now, signin.begin_session()
    while (session := signin.read_session(text)) is not None:
        text = signin.renew(session) or text
        world.now += DAY // 2
    assert world.now - begun == 30 * DAY


def test_a_session_that_was_signed_out_is_none_also_renewed(world: World) -> None:
    signin = world.signin()
    text, other = signin.begin_session(), signin.begin_session()
    session = signin.read_session(text)
    assert session is not None
    world.now += DAY
    renewed = signin.renew(session)
    assert renewed is not None
    signin.end_session(session)
    assert signin.read_session(text) is None
    assert signin.read_session(renewed) is None
    assert signin.read_session(other) is not None
    assert world.signin().read_session(text) is None


def test_what_was_signed_out_is_forgotten_once_it_would_have_ended(world: World) -> None:
    signin = world.signin()
    for _ in range(3):
        session = signin.read_session(signin.begin_session())
        assert session is not None
        signin.end_session(session)
    assert len(world.ended) == 3
    world.now += 30 * DAY
    signin.end_token(signin.issue_token().text)
    assert len(world.ended) == 1


def test_a_token_holds_a_day_as_the_specification_has_it(world: World) -> None:
    signin = world.signin()
    token = signin.issue_token()
    assert token.expires_at == world.now + 1440 * 60_000
    assert jwt.get_unverified_header(token.text) == {"alg": "HS256", "typ": "JWT"}
    world.now = token.expires_at - 1
    assert signin.is_token(token.text)
    world.now += 1
    assert not signin.is_token(token.text)


def test_a_token_that_was_signed_out_is_none(world: World) -> None:
    signin = world.signin()
    token, other = signin.issue_token().text, signin.issue_token().text
    signin.end_token(token)
    signin.end_token("a.b.c")
    assert not signin.is_token(token)
    assert signin.is_token(other)


CLAIMS: dict[str, Any] = {
    "iss": "ccledger",
    "aud": "ccledger administration",
    "sub": "administrator",
    "jti": "x",
    "iat": 1_795_168_800,
    "exp": 1_795_255_200,
}


def token_key(signin: SignIn) -> bytes:
    key: bytes = vars(signin)["_token_key"]
    return key


def test_a_token_of_our_making_is_what_is_forged_below(world: World) -> None:
    signin = world.signin()
    assert signin.is_token(jwt.encode(CLAIMS, token_key(signin), "HS256"))


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1_795_168_800},
        {"aud": "access tokens"},
        {"iss": "ccproxy"},
        *({name: None} for name in ("exp", "jti", "sub", "aud", "iss")),
    ],
)
def test_a_token_that_says_anything_else_is_none(changed: dict[str, Any], world: World) -> None:
    signin = world.signin()
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    assert not signin.is_token(jwt.encode(claims, token_key(signin), "HS256"))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_nobody_else_can_make_a_token(world: World) -> None:
    signin = world.signin()
    forged = [
        jwt.encode(CLAIMS, token_key(signin), "HS512"),
        jwt.encode(CLAIMS, b"0", "HS256"),
        jwt.encode(CLAIMS, keys(b"master")("administrator token"), "HS256"),
        jwt.encode(CLAIMS, bytes(32), "HS256"),
    ]
    ours = signin.issue_token().text
    head, body, mac = ours.split(".")
    unsigned = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    forged += [f"{unsigned}.{body}.", f"{unsigned}.{body}.{mac}", f"{head}.{body}.", f"{head}.{body}.{mac[::-1]}"]
    forged += ["", ".", "..", "a.b.c", "ccl-abc", f"{ours}.x", "é.é.é", "a" * 5000]
    assert [text for text in forged if signin.is_token(text)] == []
    assert signin.is_token(ours)


@pytest.mark.parametrize("other", [SECRETS._replace(admin_key="new"), SECRETS._replace(password_hash="cd" * 32)])
def test_everything_ends_when_a_secret_is_changed(other: Secrets, world: World) -> None:
    before, after = world.signin(), world.signin(other)
    session, token = before.begin_session(), before.issue_token().text
    assert world.signin().read_session(session) is not None
    assert world.signin().is_token(token)
    assert after.read_session(session) is None
    assert not after.is_token(token)
    assert world.signin(key=b"another").read_session(session) is None


def test_a_session_is_no_token_and_a_token_no_session(world: World) -> None:
    signin = world.signin()
    assert not signin.is_token(signin.begin_session())
    assert signin.read_session(signin.issue_token().text) is None
    assert vars(signin)["_session_key"] != token_key(signin)


def test_nothing_secret_is_ever_printed(world: World) -> None:
    assert repr(SECRETS) == "Secrets(…)"
    assert "eyJ" not in repr(world.signin().issue_token())
