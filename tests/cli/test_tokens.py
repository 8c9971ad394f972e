"""`ccledger token …`: keys are issued, shown once, changed and ended, with a server running or not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ccledger.ledger.store import open_reader
from tests.api.serving import program
from tests.cli.program import History, Run
from tests.cli.test_serve import serving

KEY = re.compile(r"^ccl-[A-Za-z0-9_-]{43}$", re.MULTILINE)


def create(ccledger: Run, *options: str, name: str = "laptop", history: History | None = None) -> Any:
    return ccledger("token", "create", "--name", name, "--json", *options, history=history).json


def listed(ccledger: Run, history: History | None = None) -> list[dict[str, Any]]:
    return ccledger("token", "list", "--json", history=history).json["tokens"]


def test_a_key_is_printed_once_with_what_to_do_next(ccledger: Run) -> None:
    ran = ccledger("token", "create", "--name", "laptop", "--expires", "30d", "--rpm", "5", "--note", "mine")
    assert (ran.code, ran.err) == (0, "")
    (key,) = KEY.findall(ran.out)
    assert ran.out.endswith("ccledger connect --write --token-stdin\n")
    assert re.search(r"^  requests/min 5$", ran.out, re.MULTILINE)
    assert re.search(r"^  note         mine$", ran.out, re.MULTILINE)
    again = ccledger("token", "list", "--json").out + ccledger("token", "list").out
    assert key not in again
    assert key[:8] in again


def test_everything_that_can_be_asked_for_arrives(ccledger: Run) -> None:
    before = datetime.now().astimezone()
    made = create(
        ccledger,
        *("--expires", "1h30m", "--mode", "both", "--user", "ann", "--note", "n", "--record"),
        *("--model", "claude-*", "--model", "x", "--ip", "10.0.0.0/8", "--ip", "::1"),
        *("--rpm", "1", "--tpm", "2", "--concurrency", "3"),
    )
    assert list(made)[:2] == ["id", "token"]
    assert KEY.search(made["token"])
    assert {name: made[name] for name in ("name", "mode", "user_name", "note", "enable_conversation_logging")} == {
        "name": "laptop",
        "mode": "both",
        "user_name": "ann",
        "note": "n",
        "enable_conversation_logging": True,
    }
    assert (made["models"], made["ips"]) == (["claude-*", "x"], ["10.0.0.0/8", "::1"])
    assert (made["requests_per_minute"], made["tokens_per_minute"], made["concurrency"]) == (1, 2, 3)
    left = datetime.fromisoformat(made["expires_at"]) - before
    assert timedelta(minutes=90) - timedelta(seconds=1) < left < timedelta(minutes=91)


def test_a_new_key_has_no_limit(ccledger: Run) -> None:
    made = create(ccledger)
    limits = ("expires_at", "requests_per_minute", "tokens_per_minute", "concurrency")
    assert [made[name] for name in limits] == [None] * 4
    assert (made["models"], made["ips"], made["user_name"], made["mode"]) == ([], [], "owner", "api")


def test_a_change_touches_what_was_named_and_takes_limits_away(ccledger: Run) -> None:
    made = create(ccledger, "--rpm", "5", "--tpm", "6", "--model", "x", "--ip", "::1", "--expires", "1h", "--record")
    kept = {name: value for name, value in made.items() if name != "token"}
    changed = ccledger("token", "set", "laptop", "--rpm", "7", "--json").json
    assert changed == {**kept, "requests_per_minute": 7}
    free = ("--rpm", "none", "--tpm", "none", "--model", "any", "--ip", "any", "--expires", "never", "--no-record")
    said = ccledger("token", "set", made["id"][:8], *free, "--name", "desk").out
    assert said.splitlines() == [
        f"desk ({made['id'][:8]}), of owner, valid",
        "  mode         api",
        "  expires      never",
    ]
    (now,) = listed(ccledger)
    assert (now["requests_per_minute"], now["models"], now["enable_conversation_logging"]) == (None, [], False)


def test_a_revoked_key_stays_listed_and_a_deleted_one_does_not(ccledger: Run) -> None:
    made = create(ccledger)
    assert "refused from now on" in ccledger("token", "revoke", "laptop").out
    (revoked,) = listed(ccledger)
    assert not revoked["is_valid"]
    assert "revoked" in ccledger("token", "list").out
    assert ccledger("token", "revoke", "laptop", "--json").json == {"id": made["id"], "revoked": True}
    assert ccledger("token", "delete", "laptop", "--json").json == {"id": made["id"], "deleted": True}
    assert listed(ccledger) == []
    assert "'ccledger token create --name NAME' issues one" in ccledger("token", "list").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create",), "'token create' takes --name"),
        (("create", "--name", ""), "name takes 1 to 100 characters"),
        (("create", "--name", "a", "--expires", "soon"), "--expires takes a length of time such as 720h"),
        (("create", "--name", "a", "--rpm", "0"), "--rpm takes a whole number from 1, or none, not '0'"),
        (("create", "--name", "a", "--rpm", "9999999999999"), "requests_per_minute takes a whole number from 1"),
        (("create", "--name", "a", "--mode", "x"), "--mode takes api, web, both, not 'x'"),
        (("create", "--name", "a", "--ip", "x"), "addresses and networks"),
        (("create", "--name", "a", "--model", "x y"), "models takes names"),
        (("create", "--name", "a", "--jwt"), "takes a secret to sign keys with"),
        (("set", "nobody", "--rpm", "1"), "there is no access token 'nobody'"),
        (("set", "nobody"), "nothing was asked for"),
        (("revoke", "nobody"), "there is no access token 'nobody'"),
        (("delete", "nobody"), "there is no access token 'nobody'"),
        (("revoke",), "'token revoke' needs: TOKEN"),
    ],
)
def test_nonsense_is_wrong_usage(arguments: tuple[str, ...], says: str, ccledger: Run) -> None:
    ran = ccledger("token", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_a_name_that_two_have_is_not_guessed_at(ccledger: Run) -> None:
    first, second = create(ccledger), create(ccledger)
    ran = ccledger("token", "revoke", "laptop")
    assert (ran.code, "2 access tokens are called 'laptop'" in ran.err) == (2, True)
    ccledger("token", "revoke", second["id"])
    assert {token["id"]: token["is_valid"] for token in listed(ccledger)} == {first["id"]: True, second["id"]: False}
    assert ccledger("token", "revoke", first["id"][:7]).code == 2


def ask(address: str, key: str) -> int:
    """What the running server says of a key."""
    request = urllib.request.Request(f"{address}/api/token/info", headers={"x-api-key": key})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_running_server_is_asked_and_knows_at_once(own: History, tmp_path: Path, ccledger: Run) -> None:
    early = create(ccledger, name="early", history=own)
    with serving(own, tmp_path) as (_, address):
        late = create(ccledger, "--rpm", "5", name="läte", history=own)
        assert (ask(address, early["token"]), ask(address, late["token"])) == (200, 200)
        assert [token["name"] for token in listed(ccledger, own)] == ["läte", "early"]
        assert (
            ccledger("token", "set", "läte", "--rpm", "none", "--json", history=own).json["requests_per_minute"] is None
        )
        ran = ccledger("token", "create", "--name", "x", "--model", "a b", history=own)
        assert (ran.code, "models takes names" in ran.err) == (2, True)
        assert ccledger("token", "revoke", "early", history=own).code == 0
        assert ccledger("token", "delete", "läte", history=own).code == 0
        assert (ask(address, early["token"]), ask(address, late["token"])) == (401, 401)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}/api/token/list", timeout=20)
        assert refused.value.code == 401
        refused.value.close()
    assert [token["name"] for token in listed(ccledger, own)] == ["early"]


def test_signed_keys_are_issued_and_accepted_where_a_secret_is_set(tmp_path: Path, ccledger: Run) -> None:
    own = History(tmp_path / "claude", tmp_path / "data")
    secret = {"CCLEDGER_JWT_SECRET": "s" * 32}
    made = ccledger("token", "create", "--name", "old", "--jwt", "--json", history=own, **secret).json
    assert made["token"].count(".") == 2
    with program(tmp_path) as server:
        assert ask(server.address, made["token"]) == 401
    with program(tmp_path, **secret) as server:
        assert ask(server.address, made["token"]) == 200
    ran = ccledger("token", "list", history=own, CCLEDGER_JWT_SECRET="short")
    assert (ran.code, "jwt_secret takes at least 32 bytes" in ran.err) == (2, True)


def test_no_key_lies_in_the_data_directory(own: History, ccledger: Run) -> None:
    key = create(ccledger, history=own)["token"]
    held = b"".join(path.read_bytes() for path in own.data.iterdir() if path.is_file())
    assert b"laptop" in held
    assert key[8:].encode() not in held
    reader = open_reader(f"sqlite:///{own.data / 'ledger.db'}")
    assert len(reader.access_tokens()) == 1
    reader.close()


@pytest.mark.parametrize(("width", "heads"), [(200, 11), (70, 8), (60, 5), (30, 3)])
def test_the_table_shows_what_there_is_room_for(width: int, heads: int, ccledger: Run) -> None:
    create(ccledger, name="a laptop 笔记本")
    lines = ccledger("token", "list", COLUMNS=str(width)).out.splitlines()
    assert len(re.split(r"  +", lines[0].strip())) == heads
    assert max(map(len, lines)) <= width
    assert lines[-1].startswith("Total")


def test_printing_imports_no_server_and_nothing_for_signed_keys() -> None:
    modules = "ccledger.cli.tokens, ccledger.cli.token_keeper, ccledger.access.tokens"
    code = f"import json, sys, {modules}; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"litestar", "jwt", "cryptography", "asyncio"} & set(json.loads(out))
