"""What a row of the request log says of a call, and that its cost is worked out to the last nano-dollar."""

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from ccledger.app import price_book
from ccledger.core.call import Call, Cost, Exchange, Failer, Outcome, Party, Reading, Source, Timing, Usage
from ccledger.stats.export import Format, encode
from ccledger.stats.request_rows import REQUESTS, Titles, request_detail, request_log
from tests.conformance.test_store import MORNING, facts, make_fact

BOOK = price_book()
TITLES = Titles({"t": "Ana's laptop"}.get, {"a": "=Team"}.get)
PARTY = Party(Source.GATEWAY, "t", "a", "ana", "api")


@given(facts(), st.none() | st.builds(Cost, *[st.integers(0, 10**9)] * 5))
def test_every_call_has_a_row_and_its_parts_add_up(fact: object, cost: Cost | None) -> None:
    call = Call(7, fact, cost)  # pyright: ignore[reportArgumentType] - drawn facts are facts
    row = request_log(call, TITLES)
    assert row.total_tokens == row.prompt_tokens + row.completion_tokens
    assert row.prompt_tokens == row.input_tokens + row.cache_creation_tokens + row.cache_read_tokens
    assert row.total_cost_nano == row.cost_nano_usd == (None if cost is None else str(cost.total))
    assert (row.response_at is None) == (row.duration_ms is None)
    detail = request_detail(call, TITLES, BOOK)
    assert {name: getattr(detail, name) for name in asdict(row)} == asdict(row)
    assert sum(int(line.cost_nano) for line in detail.cost_lines) == (0 if cost is None else cost.total)


def test_names_are_looked_up_by_id() -> None:
    call = Call(7, replace(make_fact(), party=PARTY), None)
    row = request_log(call, TITLES)
    assert (row.token_id, row.token_name, row.account_name) == ("t", "Ana's laptop", "=Team")
    unknown = request_log(call, Titles(dict[str, str]().get, dict[str, str]().get))
    assert (unknown.token_id, unknown.token_name, unknown.account_name) == ("t", None, None)


def test_a_price_in_force_is_told_with_what_changed_it() -> None:
    reading = Reading("claude-opus-4-6-fast", Usage(1000, 100), terms=5)
    fact = replace(make_fact(), reading=reading)
    cost = BOOK.cost(reading, MORNING)
    assert cost is not None
    found = request_detail(Call(7, fact, cost), TITLES, BOOK)
    assert found.price is not None
    assert (found.price.model, found.price.modifiers) == ("claude-opus-4-6", ["fast", "us_only"])
    assert [(line.kind, line.tokens) for line in found.cost_lines] == [("input", 1000), ("output", 100)]
    other = request_detail(Call(7, fact, cost._replace(output=cost.output + 1)), TITLES, BOOK)
    assert other.price is None


def test_no_text_of_a_row_becomes_a_formula() -> None:
    timing = Timing(Source.GATEWAY, MORNING, Outcome.ERROR, 502)
    exchange = Exchange("+chat", True, Failer.GATEWAY, "@SUM(1)\n", 0)
    party = Party(Source.GATEWAY, "-t", "a", "=u", "\tapi")
    fact = replace(make_fact(session="=s", project="+p"), timing=timing, party=party, exchange=exchange)
    row = request_log(Call(7, replace(fact, reading=Reading("=m", Usage())), Cost()), TITLES)
    [cells] = csv.DictReader(StringIO(b"".join(encode(Format.CSV, [row], REQUESTS)).decode(), newline=""))
    texts = ("endpoint", "error_message", "token_id", "account_name", "user_name", "mode", "session_id", "project")
    assert all(cells[name].startswith("'") for name in (*texts, "model"))
    assert (cells["stream"], cells["success"], cells["attempts"], cells["total_cost"]) == ("true", "false", "0", "0")
