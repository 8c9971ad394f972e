"""Calls of mode web through the whole gateway, to a fake of a claude.ai-style backend."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from ccledger.access.accounts import NewAccount
from ccledger.core.access import Mode
from ccledger.core.call import Origin, Outcome
from tests.sources.gateway.test_web import ASKED, backend
from tests.upstream.gateway import Running, running
from tests.upstream.server import Fake, upstream

BODY = json.dumps(ASKED).encode()


@pytest.fixture
def fake() -> Generator[Fake]:
    with upstream() as found:
        found.always = backend
        yield found


def add_session(served: Running, fake: Fake) -> None:
    session = NewAccount(name="web", type="session-key", secret="planted-session-key-0000", base_url=fake.url)
    served.accounts.add(session)


def test_a_call_of_mode_web_is_a_conversation_and_its_usage_is_marked(tmp_path: Path, fake: Fake) -> None:
    with running(tmp_path, web_mode=True) as served:
        add_session(served, fake)
        answer, body = served.ask("/v1/messages", BODY, x_api_key=served.issue("w", mode=Mode.WEB))
        assert (answer.status, json.loads(body)["content"][0]["text"]) == (200, "Hi there")
        (call,) = served.calls(1)
        reading, party = call.fact.reading, call.fact.party
        assert reading is not None
        assert party is not None
        assert (reading.origin, reading.usage.output_tokens > 0, party.mode) == (Origin.ESTIMATED, True, "web")


def test_without_the_setting_no_session_key_is_used(tmp_path: Path, fake: Fake) -> None:
    with running(tmp_path) as served:
        add_session(served, fake)
        answer, body = served.ask("/v1/messages", BODY, x_api_key=served.issue("w", mode=Mode.WEB))
        assert (answer.status, "set web_mode" in json.loads(body)["error"]["message"]) == (403, True)
        assert fake.seen == []
        (call,) = served.calls(1)
        assert call.fact.timing.outcome == Outcome.ERROR
