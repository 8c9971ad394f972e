from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ccledger.core.errors import StoreError, UsageError
from tests.cli.program import History, Run, write_lines
from tests.cli.test_serve import fetch, serving

SET = ("price", "set")
NOVA: dict[str, Any] = {"message": {"model": "claude-nova-9"}}


@pytest.fixture
def priced(own: History, ccledger: Run) -> History:
    """Two calls that have a price, one that has none."""
    write_lines(own.root, {}, {"timestamp": "2026-11-12T10:00:00.000Z"}, NOVA)
    ccledger("import", history=own)
    return own


def costs(ccledger: Run, history: History) -> dict[str, float | None]:
    days = ccledger("daily", "--json", history=history).json["daily"]
    return {day["date"]: day["totalCost"] for day in days}


def test_the_list_shows_what_every_model_costs_today(ccledger: Run) -> None:
    ran = ccledger("price", "list")
    assert (ran.code, ran.err) == (0, "")
    assert "claude-opus-5 " in ran.out
    row = next(line for line in ran.out.split("\n") if line.startswith("claude-opus-5 "))
    assert row.split() == ["claude-opus-5", "5", "25", "6.25", "10", "0.5", "2026-07-24", "shipped"]
    assert ran.out.rstrip().endswith("US dollars per million tokens")


def test_the_list_of_one_model_shows_everything_it_ever_cost(ccledger: Run) -> None:
    lines = ccledger("price", "list", "--model", "claude-sonnet-5-5").out.split("\n")
    assert [line.split()[5:8] for line in lines if line.startswith("claude-sonnet")] == [
        ["0.2", "2026-09-28", "2026-10-07"],
        ["0.1", "2026-10-07", "shipped"],
    ]


def test_the_list_of_a_day_shows_what_held_then(ccledger: Run) -> None:
    day = ccledger("price", "list", "--at", "2026-10-06", "--json").json["models"]
    assert day["claude-sonnet-5-5"]["cache_read_price"] == 0.2
    assert ccledger("price", "list", "--at", "20261007", "--json").json["models"]["claude-sonnet-5-5"][
        "cache_read_price"
    ] == pytest.approx(0.1)
    assert "claude-fable-5-2 " not in ccledger("price", "list", "--at", "2026-10-06").out


def test_the_list_names_models_without_a_price(ccledger: Run, priced: History) -> None:
    assert ccledger("price", "list", history=priced).out.endswith("Without a price: claude-nova-9\n")
    assert ccledger("price", "list", "--json", history=priced).json["unpriced"] == ["claude-nova-9"]


def test_long_prompts_have_a_line_of_their_own(ccledger: Run) -> None:
    out = ccledger("price", "list", "--model", "claude-haiku-5-5").out
    assert "  over 100,000 tokens" in out


def test_what_is_set_prices_what_is_booked_later(ccledger: Run, priced: History) -> None:
    ran = ccledger(*SET, "claude-nova-9", "--input", "1000", "--output", "2000", "--from", "2026-11-01", history=priced)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "claude-nova-9 from 2026-11-01, US dollars per million tokens:\n"
        "  input          1000\n"
        "  output         2000\n"
        "  cache write 5m 1250  (1.25 × input)\n"
        "  cache write 1h 2000  (2 × input)\n"
        "  cache read     100  (0.1 × input)\n"
        "Calls that are booked keep their cost: ccledger price reprice --since 2026-11-01 --model claude-nova-9\n"
    )
    before = costs(ccledger, priced)["2026-11-10"]
    write_lines(priced.root, NOVA, session="s2")
    after = costs(ccledger, priced)["2026-11-10"]
    assert before is not None
    assert after == pytest.approx(before + 0.01 + 0.04 + 0.03)


def test_all_prices_can_be_given(ccledger: Run, priced: History) -> None:
    done = ccledger(
        *(
            *SET,
            "us.anthropic.claude-opus-5-v1:0",
            "--input=5",
            "--output=24.5",
            "--cache-write=6",
            "--cache-write-1h=9",
        ),
        *("--cache-read", "0.4", "--from", "2026-11-01", "--to", "2026-11-10", "--source", "our contract"),
        *("--long-over", "100000", "--long-input", "10", "--long-output", "40", "--json"),
        history=priced,
    )
    assert done.json == {
        "model": "claude-opus-5",
        "input_price": 5.0,
        "output_price": 24.5,
        "cache_creation_price": 6.0,
        "cache_creation_1h_price": 9.0,
        "cache_read_price": 0.4,
        "effective_date": "2026-11-01",
        "end_date": "2026-11-11",
        "long_context_over": 100_000,
        "source": "our contract",
    }
    periods = ccledger("price", "list", "--json", "--model", "claude-opus-5", history=priced).json["models"]
    own = periods["claude-opus-5"]["periods"][1]
    assert (own["origin"], own["source"], own["long_context"]["cache_read_price"]) == ("set", "our contract", 1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "'price set' needs: MODEL"),
        (("m",), "'price set' takes --input"),
        (("m", "--input", "1"), "takes --output"),
        (("m", "--input", "1", "--output", "1"), "takes --from"),
        (("m", "--input", "-1", "--output", "1"), "takes US dollars per million tokens"),
        (("m", "--input", "nan"), "takes US dollars per million tokens"),
        (("m", "--input", "1e99"), "takes US dollars per million tokens"),
        (("m", "--input", "0.0000001"), "at most 6 decimals"),
        (("m", "--input", "a"), "takes US dollars per million tokens"),
        (
            ("m", "--input", "1", "--output", "1", "--from", "2026-11-02", "--to", "2026-11-01"),
            "--to lies before --from",
        ),
        (("m", "--input", "1", "--output", "1", "--from", "2026-11-02", "--long-over", "5"), "--long-input and"),
        (("m", "n", "--input", "1"), "takes no argument n"),
    ],
)
def test_nonsense_is_wrong_usage_and_sets_nothing(arguments: tuple[str, ...], said: str, ccledger: Run) -> None:
    ran = ccledger(*SET, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_price_far_from_the_old_one_has_to_be_meant(
    ccledger: Run, priced: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = (*SET, "claude-opus-5", "--input", "50", "--output", "25", "--from", "2026-11-01", "--json")
    ran = ccledger(*asked, history=priced)
    assert (ran.code, ran.out) == (2, "")
    assert "input 50 instead of 5" in ran.err
    assert "nothing was set. If it is meant, say --yes" in ran.err
    assert ccledger("price", "unset", "claude-opus-5", history=priced).code == 2
    assert ccledger(*asked, "--yes", history=priced).json["input_price"] == 50.0

    monkeypatch.setattr("ccledger.cli.prices.sys.stdin", Terminal("y\n"))
    ran = ccledger(*asked[:3], "--input", "5000", *asked[5:], history=priced)
    assert (ran.code, json.loads(ran.out)["input_price"]) == (0, 5000.0)
    monkeypatch.setattr("ccledger.cli.prices.sys.stdin", Terminal("\n"))
    assert ccledger(*asked, history=priced).code == 2


class Terminal:
    """Somebody who answers."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._answer


def test_a_preview_changes_nothing_until_it_is_meant(ccledger: Run, priced: History) -> None:
    before = costs(ccledger, priced)
    ccledger(*SET, "claude-opus-5", "--input", "10", "--output", "50", "--from", "2026-11-11", history=priced)
    assert costs(ccledger, priced) == before
    ran = ccledger("price", "reprice", history=priced)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("Nothing was changed; --yes corrects these calls.\n")
    row = next(line for line in ran.out.split("\n") if line.startswith("claude-opus-5"))
    assert row.split() == ["claude-opus-5", "1", "$0.00", "$0.00", "+$0.00"]
    assert costs(ccledger, priced) == before
    ran = ccledger("price", "reprice", "--yes", history=priced)
    assert ran.out.endswith("1 calls corrected.\n")
    after = costs(ccledger, priced)
    assert after["2026-11-10"] == before["2026-11-10"]
    assert after["2026-11-12"] == pytest.approx((before["2026-11-12"] or 0) * 2)
    assert ccledger("price", "reprice", "--yes", history=priced).out == "Nothing would change.\n"


def test_a_correction_takes_models_and_days(ccledger: Run, priced: History) -> None:
    for model in ("claude-opus-5", "claude-nova-9"):
        ccledger(*SET, model, "--input", "10", "--output", "50", "--from", "2026-11-01", history=priced)
    asked = ("price", "reprice", "--json")

    def models(*arguments: str) -> dict[str, int]:
        found = ccledger(*asked, *arguments, history=priced).json
        assert found["applied"] is ("--yes" in arguments)
        return {row["model"]: row["calls"] for row in found["models"]}

    assert models() == {"claude-opus-5": 2, "claude-nova-9": 1}
    assert models("--model", "anthropic.claude-nova-9") == {"claude-nova-9": 1}
    assert models("--since", "2026-11-11") == {"claude-opus-5": 1}
    assert models("--until", "2026-11-10", "--model", "claude-opus-5") == {"claude-opus-5": 1}
    assert models("--since", "2026-11-12", "--yes") == {"claude-opus-5": 1}
    found = ccledger(*asked, "--yes", history=priced).json
    assert found["totals"]["calls"] == 2
    assert (found["totals"]["old_unpriced_calls"], found["totals"]["new_unpriced_calls"]) == (1, 0)
    (nova,) = [row for row in found["models"] if row["model"] == "claude-nova-9"]
    assert (nova["old_cost"], nova["difference_nano"]) == (None, str(10 * 10_000 + 20 * 50_000 + 300 * 1_000))
    assert models() == {}
    ran = ccledger("price", "reprice", "--since", "2026-11-12", "--until", "2026-11-11", history=priced)
    assert (ran.code, "--until lies before --since" in ran.err) == (2, True)


def test_what_was_set_is_taken_away(ccledger: Run, priced: History) -> None:
    for day in ("2026-11-01", "2026-11-05"):
        ccledger(*SET, "claude-opus-5", "--input", "10", "--output", "50", "--from", day, history=priced)
    ran = ccledger("price", "unset", "claude-opus-5", "--from", "2026-11-05", history=priced)
    assert ran.out.startswith("claude-opus-5: 1 set price taken away.\n")
    assert ccledger("price", "unset", "claude-opus-5", "--json", history=priced).json == {
        "model": "claude-opus-5",
        "withdrawn": 1,
    }
    ran = ccledger("price", "unset", "claude-opus-5", history=priced)
    assert (ran.code, ran.out) == (2, "")
    assert "nothing like that was set for claude-opus-5" in ran.err


def test_without_a_second_word_the_four_are_named(ccledger: Run) -> None:
    ran = ccledger("price")
    assert (ran.code, ran.out, ran.err) == (2, "", "ccledger: 'price' takes list, set, unset or reprice\n")
    assert ccledger("price", "sett").code == 2
    page = ccledger("price", "--help")
    assert (page.code, "price reprice" in page.out, "daily" in page.out) == (0, True, False)


def test_an_unknown_model_has_no_list(ccledger: Run) -> None:
    ran = ccledger("price", "list", "--model", "gpt-9")
    assert (ran.code, "'gpt-9' has no price" in ran.err) == (2, True)


def test_a_running_server_changes_prices_and_sees_them_at_once(ccledger: Run, priced: History, tmp_path: Path) -> None:
    estimate = "/api/v1/cost/estimate?model=claude-nova-9&input_tokens=1000000"
    with serving(priced, tmp_path) as (_, address):
        assert fetch(address + estimate)["complete"] is False
        ran = ccledger(*SET, "claude-nova-9", "--input", "3", "--output", "15", "--from", "2026-11-01", history=priced)
        assert ran.code == 0, ran.err
        assert fetch(address + estimate)["total_cost"] == 3.0
        assert fetch(f"{address}/api/v1/stats/current")["totals"]["unpriced_calls"] == 1
        assert ccledger("price", "reprice", "--json", "--yes", history=priced).json["applied"] is True
        assert fetch(f"{address}/api/v1/stats/current")["totals"]["unpriced_calls"] == 0
        write_lines(priced.root, NOVA, session="s9")
        assert ccledger("import", "--json", history=priced).json["by_server"] is True
        assert fetch(f"{address}/api/v1/stats/current")["totals"]["unpriced_calls"] == 0
        assert ccledger("price", "unset", "claude-nova-9", "--json", history=priced).json["withdrawn"] == 1
        assert fetch(address + estimate)["complete"] is False
    assert ccledger("price", "list", history=priced).code == 0


def test_prices_are_asked_about_calls_that_are_kept(ccledger: Run, priced: History) -> None:
    ran = ccledger("import", history=priced, CCLEDGER_RETENTION_DAYS="1", CCLEDGER_TIMEZONE="UTC")
    assert ran.code == 0
    said = ccledger("price", "reprice", history=priced).err
    assert "are kept as sums only; what they cost stays as it is" in said


@pytest.mark.parametrize(
    ("status", "error", "said"), [(400, UsageError, "no sense"), (503, StoreError, "the running server could not")]
)
def test_what_the_server_refuses_is_said(
    status: int, error: type[Exception], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccledger.cli import running
    from ccledger.settings import read_settings

    answer = running._Answer(status, b'{"error":"no sense"}')  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(running, "_ask", lambda *_: answer)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(error, match=said):
        running.ask_server(read_settings({}, tmp_path), "prices/set", b"{}")
