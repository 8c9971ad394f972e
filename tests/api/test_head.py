"""HEAD: the same as GET, without the body."""

import pytest

from tests.api.apps import Client


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/health", "/api/version", "/api/v1/stats/current", "/api/v1/openapi.json", "/api/nothing"]
)
def test_head_is_get_without_the_body(client: Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.content == b""
    assert head.status_code == got.status_code
    assert dict(head.headers) == dict(got.headers)
    assert int(head.headers["content-length"]) == len(got.content)
