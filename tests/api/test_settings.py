"""What the Settings page is told: what holds, from where, what is read, what is held."""

from ccledger.api.settings import SettingInForce
from ccledger.ledger.store import Store
from tests.api.apps import Client, asking, make_app

PORT = SettingInForce("port", "51900", "--port", "51888", "The port the server listens on.", ["--port"])


def test_it_names_what_is_read_and_what_is_held(client: Client) -> None:
    answer = client.get("/api/v1/settings").json()
    assert answer["version"] == "0.1.0"
    assert answer["timezone"] == "UTC"
    assert answer["claude_dirs"] == [{"path": "/home/u/.claude", "found": True, "files": 2, "billing": "api"}]
    assert answer["ledger"]["calls"] == 2
    assert answer["settings"] == []


def test_it_passes_on_what_was_told(store: Store) -> None:
    with asking(make_app(store, settings=lambda: [PORT])) as client:
        assert client.get("/api/settings").json()["settings"] == [
            {
                "name": "port",
                "value": "51900",
                "origin": "--port",
                "default": "51888",
                "meaning": "The port the server listens on.",
                "ways": ["--port"],
            }
        ]
