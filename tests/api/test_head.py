"""HEAD: the same as GET, without the body."""

import pytest

from ccledger.ledger.store import Store
from tests.api.apps import Client, make_app
from tests.api.test_shield import scope, speak


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/health", "/api/version", "/api/v1/stats/current", "/api/v1/openapi.json", "/api/nothing"]
)
def test_head_is_get_without_the_body(client: Client, path: str) -> None:
    plain = {"accept-encoding": "identity"}
    got, head = client.get(path, headers=plain), client.head(path, headers=plain)
    assert head.content == b""
    assert head.status_code == got.status_code
    assert dict(head.headers) == dict(got.headers)
    assert int(head.headers["content-length"]) == len(got.content)


def test_the_application_itself_leaves_the_body_out(store: Store) -> None:
    """Servers and clients may cut it off, too; nothing here relies on that."""
    app, host = make_app(store), (b"host", b"localhost")
    whole = speak(app, scope([host], path="/api/v1/openapi.json"))
    cut = speak(app, scope([host], path="/api/v1/openapi.json", method="HEAD"))
    assert whole[0] == cut[0]
    assert len(whole[1]["body"]) > 1000
    assert [message["body"] for message in cut[1:]] == [b""] * len(whole[1:])
