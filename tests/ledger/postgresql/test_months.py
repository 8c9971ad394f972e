"""Partitions are made once, in time, and never where calls of their month lie elsewhere already."""

from collections.abc import Iterator

import pytest

from ccledger.ledger.postgresql.link import Link, fresh_name
from ccledger.ledger.postgresql.months import Months
from ccledger.ledger.postgresql.opening import address_of
from ccledger.ledger.postgresql.pen import Pen
from tests.postgres import execute, fetch, fresh_database

NOVEMBER_2023 = 1_700_000_000_000
TABLES = "SELECT relid::text FROM pg_partition_tree('request_logs') WHERE isleaf AND relid::text LIKE '%2023%'"


@pytest.fixture
def url() -> Iterator[str]:
    with fresh_database() as made:
        yield made


@pytest.fixture
def pen(url: str) -> Iterator[Pen]:
    link, name = Link(address_of(url)), fresh_name()
    pen = Pen(link, link.connect(name), name)
    yield pen
    pen.close()
    link.close()


def test_a_partition_is_made_for_the_month_of_a_call(url: str, pen: Pen) -> None:
    for months in (Months(), Months()):
        months.make(pen, [NOVEMBER_2023, NOVEMBER_2023 + 1])
    assert fetch(url, TABLES) == [("request_logs_2023_11",)]


def test_months_to_come_are_made_ahead(url: str, pen: Pen) -> None:
    Months().make_ahead(pen)
    assert fetch(url, "SELECT count(*) FROM pg_partition_tree('request_logs') WHERE isleaf") == [(4,)]


def test_calls_that_lie_with_all_others_stay_there(url: str, pen: Pen) -> None:
    place = (NOVEMBER_2023 - 1_600_000_000_000) << 20
    columns = "id, request_at, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens"
    columns += ", cache_read_tokens, model_id, traits, session_id, project_id, branch_id, agent_id"
    execute(url, f"INSERT INTO request_logs ({columns}) VALUES ({place}, {NOVEMBER_2023}{', 0' * 11})")
    Months().make(pen, [NOVEMBER_2023])
    assert fetch(url, TABLES) == []


def test_a_table_that_can_not_be_made_is_done_without(url: str, pen: Pen, caplog: pytest.LogCaptureFixture) -> None:
    execute(
        url,
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE insufficient_privilege; END$$; "
        "CREATE EVENT TRIGGER refused ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()",
    )
    Months().make(pen, [NOVEMBER_2023])
    assert fetch(url, TABLES) == []
    assert "2023_11" in caplog.text
