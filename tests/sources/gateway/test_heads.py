"""What a request's head says: which of the keys that are shown is meant for us."""

from __future__ import annotations

import pytest

from ccledger.sources.gateway.heads import read_asking

OURS, SIGNED, FOREIGN = "ccl-ours", "eyJ.a.b", "sk-ant-api03-of-the-user"


@pytest.mark.parametrize(
    ("bearer", "key", "meant"),
    [
        ("", "", ""),
        (f"Bearer {OURS}", "", OURS),
        (OURS, "", OURS),
        ("", OURS, OURS),
        (f"Bearer {OURS}", FOREIGN, OURS),
        (f"Bearer {FOREIGN}", OURS, OURS),
        (f"Bearer {SIGNED}", FOREIGN, SIGNED),
        (f"bearer  {SIGNED}", "", SIGNED),
        (f"Bearer {FOREIGN}", SIGNED, SIGNED),
        (f"Bearer {SIGNED}", OURS, OURS),
        (f"Bearer {SIGNED}", "eyJ.c.d", "eyJ.c.d"),
        (f"Bearer {FOREIGN}", "", FOREIGN),
        ("Bearer another", FOREIGN, FOREIGN),
    ],
)
def test_of_two_keys_ours_is_meant(bearer: str, key: str, meant: str) -> None:
    headers = [(b"authorization", bearer.encode()), (b"x-api-key", key.encode())]
    asking = read_asking([entry for entry in headers if entry[1]])
    assert (asking.secret, asking.forward) == (meant, [])
