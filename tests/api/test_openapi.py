"""The description of the API: complete, of this version, and true of the answers."""

import json
import re
from typing import Any

import msgspec
import pytest

from ccledger.access.tokens import NewToken, TokenSettings
from ccledger.api.account_words import AccountSettings, NewBearerAccount, NewKeyAccount, NewSessionAccount
from ccledger.api.live import Everything, Increment
from ccledger.api.settings import EffectiveSettings
from ccledger.api.stats import CurrentStats, Overview
from ccledger.api.system import Health, Import, Version
from ccledger.core.measures import Axis
from ccledger.stats.words import METRICS
from tests.api.apps import Client
from tests.docs.openapi import PAGE, page


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    return client.get("/api/v1/openapi.json").json()


def test_the_page_in_the_reference_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.docs.openapi"


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "ccledger"
    assert document["info"]["version"] == "0.1.0"


def test_every_route_has_its_name(document: dict[str, Any]) -> None:
    named = {
        f"{method} {path}": operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert named == {
        "get /api/v1/health": "getHealth",
        "get /api/v1/version": "getVersion",
        "get /api/v1/import": "getImport",
        "get /api/v1/stats/current": "getCurrentStats",
        "get /api/v1/stats/overview": "getOverview",
        "get /api/v1/stats/models": "getModels",
        "get /api/v1/stats/trends": "getTrends",
        "get /api/v1/stats/query": "getQuery",
        "get /api/v1/stats/history": "getHistory",
        "get /api/v1/export/csv": "exportCsv",
        "get /api/v1/export/json": "exportJson",
        "get /api/v1/export/jsonl": "exportJsonLines",
        "get /api/v1/logs/requests": "getRequests",
        "get /api/v1/logs/requests/export": "exportRequests",
        "get /api/v1/logs/requests/{request_id}": "getRequest",
        "delete /api/v1/logs/requests/old": "deleteOldRequests",
        "get /api/v1/stats/requests": "getRecentRequests",
        "get /api/v1/stats/blocks": "getBlocks",
        "get /api/v1/limits": "getLimits",
        "get /api/v1/cost/estimate": "estimateCost",
        "get /api/v1/cost/pricing": "getPricing",
        "get /api/v1/settings": "getSettings",
        "post /api/v1/token/generate": "generateToken",
        "get /api/v1/token/list": "listTokens",
        "post /api/v1/token/revoke": "revokeToken",
        "put /api/v1/token/{token_id}/settings": "changeToken",
        "delete /api/v1/token/{token_id}": "deleteToken",
        "get /api/v1/token/info": "getTokenInfo",
        "post /api/v1/signin": "signIn",
        "post /api/v1/signout": "signOut",
        "get /api/v1/me": "getMe",
        "post /api/v1/account/apikey": "addKeyAccount",
        "post /api/v1/account/oauth": "addBearerAccount",
        "post /api/v1/account/sessionkey": "addSessionAccount",
        "get /api/v1/account/list": "listAccounts",
        "get /api/v1/account/{account_id}": "getAccount",
        "put /api/v1/account/{account_id}": "changeAccount",
        "delete /api/v1/account/{account_id}": "deleteAccount",
        "post /api/v1/account/{account_id}/deactivate": "deactivateAccount",
        "post /api/v1/account/{account_id}/activate": "activateAccount",
        "post /api/v1/account/{account_id}/refresh": "refreshAccount",
        "post /api/v1/account/{account_id}/check": "checkAccount",
    }


def references(document: dict[str, Any]) -> set[str]:
    return set(re.findall(r'"\$ref": "([^"]*)"', json.dumps(document)))


def test_no_reference_leads_nowhere(document: dict[str, Any]) -> None:
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= names


def test_every_route_says_how_it_refuses(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}


OPTIONAL = {
    "Subscribe": {"models", "after"},
    "Resync": {"data"},
    "Pong": {"data"},
    "Trends": {"period", "data", "daily", "weekly"},
    "QueryAnswer": {"previous_from", "previous_to", "previous_totals", "rest", "rest_rows"},
    "QueryRow": {*METRICS, *Axis, "start", "previous"},
    "SomeTotals": {*METRICS},
    "Proof": {"password", "code"},
    "TokenSettings": {field.name for field in msgspec.structs.fields(TokenSettings)},
    "AccountSettings": {field.name for field in msgspec.structs.fields(AccountSettings)},
    **{
        word.__name__: {field.name for field in msgspec.structs.fields(word) if not field.required}
        for word in (NewKeyAccount, NewBearerAccount, NewSessionAccount)
    },
    "NewToken": {field.name for field in msgspec.structs.fields(NewToken)},
}
"""What an answer has only when it was asked for, and what a request may leave out."""


def test_everything_in_the_answers_is_required_and_described(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        optional = OPTIONAL.get(name, set[str]())
        assert set(schema.get("required", ())) == set(schema["properties"]) - optional, name
        assert schema["description"], name
        assert "    " not in schema["description"], name
    assert all("description" in field for field in document["components"]["schemas"]["Totals"]["properties"].values())


def test_what_a_request_says_in_its_body_is_described(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/v1/token/generate"]["post"]["requestBody"]
    assert body["required"]
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewToken"}


def test_parameters_are_what_the_routes_take(document: dict[str, Any]) -> None:
    zone, hours = document["paths"]["/api/v1/stats/overview"]["get"]["parameters"]
    assert (zone["name"], zone["schema"], zone["required"]) == ("timezone", {"type": "string"}, False)
    assert (hours["name"], hours["schema"]) == ("hours", {"type": "integer", "enum": [24, 168], "default": 24})


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/api/v1/health", Health),
        ("/api/v1/version", Version),
        ("/api/v1/import", Import),
        ("/api/v1/stats/current", CurrentStats),
        ("/api/v1/stats/overview", Overview),
        ("/api/v1/settings", EffectiveSettings),
    ],
)
def test_the_answers_are_as_described(client: Client, document: dict[str, Any], path: str, word: type[Any]) -> None:
    described = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert described == {"$ref": f"#/components/schemas/{word.__name__}"}
    answer = client.get(path)
    assert msgspec.to_builtins(msgspec.json.decode(answer.content, type=word)) == answer.json()
    assert set(answer.json()) == set(document["components"]["schemas"][word.__name__]["properties"])


def test_what_the_socket_says_is_described_too(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    kinds = {
        name: schema["properties"]["type"]["enum"]
        for name, schema in schemas.items()
        if "enum" in schema["properties"].get("type", {})
    }
    assert kinds == {
        "InitialData": ["initial_data"],
        "StatsUpdate": ["stats_update"],
        "ImportProgress": ["import_progress"],
        "Resync": ["resync"],
        "Pong": ["pong"],
        "Misunderstood": ["error"],
        "Ping": ["ping"],
        "Subscribe": ["subscribe"],
    }
    assert set(schemas["Increment"]["properties"]) == {field.name for field in msgspec.structs.fields(Increment)}
    assert set(schemas["Everything"]["properties"]) == {
        field.encode_name for field in msgspec.structs.fields(Everything)
    }


def test_no_page_is_fetched_from_elsewhere(client: Client) -> None:
    """A description with a viewer would load it from a foreign server."""
    for path in ("/api/v1/openapi.json", "/api/openapi.json"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert not re.search(r"https?://", answer.text)
    for path in ("/schema", "/api/v1/openapi", "/api/v1/schema", "/schema/swagger", "/api/v1/openapi/redoc"):
        assert "script" not in client.get(path).text.lower()
