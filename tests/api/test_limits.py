"""The account's limits over HTTP: what was told, when, and how sure that still is."""

from ccledger.core.limits import Limit, LimitReading
from ccledger.ledger.store import Store
from tests.api.apps import NOW, Client, asking, make_app

HOUR = 3_600_000


def test_nothing_is_known_until_somebody_told(client: Client) -> None:
    assert client.get("/api/v1/limits").json() == {"now": "2026-11-20T10:00:00.000Z", "windows": []}


def test_each_window_says_what_was_told_and_where_it_leads(store: Store) -> None:
    home, resets_at = "/home/u/.claude", NOW + 2 * HOUR
    told = [
        LimitReading(NOW - HOUR, home, Limit("five_hour", 20, resets_at)),
        LimitReading(NOW, home, Limit("five_hour", 60, resets_at)),
        LimitReading(NOW - HOUR, "", Limit("spend_limit", 12.5, None)),
    ]
    with asking(make_app(store, limits=lambda: told)) as client:
        five_hour, spend_limit = client.get("/api/v1/limits").json()["windows"]
    assert five_hour == {
        "window": "five_hour",
        "used_percentage": 60.0,
        "resets_at": "2026-11-20T12:00:00.000Z",
        "read_at": "2026-11-20T10:00:00.000Z",
        "directory": home,
        "source": "status_line",
        "origin": "measured",
        "stale": False,
        "pace": {"percent_per_hour": 40.0, "full_at": "2026-11-20T11:00:00.000Z", "readings": 2},
    }
    assert (spend_limit["resets_at"], spend_limit["stale"], spend_limit["pace"]) == (None, True, None)
