"""What headers say of limits: of subscriptions, of API keys, of how long to wait; and nonsense."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.limits import Limit
from ccledger.wire.limit_headers import Limits, Window, read_limits

NOW = 1_792_497_600_000
HOUR = 3_600_000
DAY = 24 * HOUR


def read(**headers: str) -> Limits:
    """Read headers; `unified_` and `limit_` stand for their long beginnings."""
    long = {"unified_": "anthropic-ratelimit-unified-", "limit_": "anthropic-ratelimit-"}
    named: list[tuple[bytes, bytes]] = []
    for name, value in headers.items():
        for short, beginning in long.items():
            if name.startswith(short):
                named.append((f"{beginning}{name.removeprefix(short).replace('_', '-')}".encode(), value.encode()))
                break
        else:
            named.append((name.replace("_", "-").encode(), value.encode()))
    return read_limits(named, NOW)


def seconds(milliseconds: int) -> str:
    return str(milliseconds // 1000)


def test_a_subscription() -> None:
    limits = read(
        content_type="application/json",
        unified_status="allowed_warning",
        unified_representative_claim="five_hour",
        unified_reset=seconds(NOW + HOUR),
        unified_5h_status="allowed_warning",
        unified_5h_utilization="0.91",
        unified_5h_reset=seconds(NOW + HOUR),
        unified_7d_utilization="0.3",
        unified_7d_reset="2026-10-27T12:00:00Z",
        unified_overage_status="rejected",
        unified_fallback_percentage="0.5",
    )
    assert limits == Limits(
        None,
        "allowed_warning",
        "five_hour",
        NOW + HOUR,
        (
            Window(Limit("five_hour", 91.0, NOW + HOUR), "allowed_warning"),
            Window(Limit("seven_day", 30.0, NOW + 7 * DAY)),
        ),
    )
    assert limits.rests_until(NOW) is None


def test_windows_of_one_model_and_new_ones_have_names() -> None:
    named = [
        (b"anthropic-ratelimit-unified-7d_opus-utilization", b"1.04"),
        (b"anthropic-ratelimit-unified-30d-pool-utilization", b"0"),
    ]
    assert read_limits(named, NOW).windows == (
        Window(Limit("seven_day_opus", 104.0, None)),
        Window(Limit("30d_pool", 0.0, None)),
    )


def test_an_api_key() -> None:
    limits = read(
        limit_requests_limit="1000",
        limit_requests_remaining="750",
        limit_requests_reset="2026-10-20T12:00:30Z",
        limit_input_tokens_limit="400000",
        limit_input_tokens_remaining="0",
        limit_tokens_limit="0",
        limit_tokens_remaining="0",
        limit_output_tokens_limit="5",
    )
    assert limits.windows == (
        Window(Limit("requests", 25.0, NOW + 30_000)),
        Window(Limit("input_tokens", 100.0, None)),
    )


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", 0),
        ("17", 17_000),
        ("1.5", 1_500),
        ("7999", 7_999_000),
        (format_datetime(datetime.fromtimestamp(NOW / 1000 + 90, UTC), usegmt=True), 90_000),
        (format_datetime(datetime.fromtimestamp(NOW / 1000 - 90, UTC), usegmt=True), 0),
        ("-5", None),
        ("1e400", None),
        ("nan", None),
        ("1_0", None),
        ("99999999", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_how_long_to_wait(text: str, wait: int | None) -> None:
    limits = read(retry_after=text)
    assert limits.retry_after_ms == wait
    assert limits.rests_until(NOW) == (None if wait is None else NOW + wait)


def test_milliseconds_are_more_exact() -> None:
    assert read(retry_after="2", retry_after_ms="1250").retry_after_ms == 1250
    assert read(retry_after="2", retry_after_ms="x").retry_after_ms == 2000


def test_the_last_window_that_rejects_decides_how_long_to_rest() -> None:
    headers = {
        "unified_status": "rejected",
        "unified_reset": seconds(NOW + HOUR),
        "unified_5h_status": "rejected",
        "unified_5h_utilization": "1",
        "unified_5h_reset": seconds(NOW + HOUR),
        "unified_7d_status": "rejected",
        "unified_7d_utilization": "1",
        "unified_7d_reset": seconds(NOW + 3 * DAY),
    }
    assert read(**headers).rests_until(NOW) == NOW + 3 * DAY
    assert read(**headers, retry_after="60").rests_until(NOW) == NOW + 60_000
    assert read(**headers | {"unified_7d_status": "allowed"}).rests_until(NOW) == NOW + HOUR
    assert read(**headers).rests_until(NOW + 30 * DAY) is None
    assert read(unified_status="rejected").rests_until(NOW) is None


@pytest.mark.parametrize("value", ["-1", "11", "x", "", "inf", "٣", "0x1", "1_0"])
def test_senseless_windows_are_not_there(value: str) -> None:
    assert read_limits([(b"anthropic-ratelimit-unified-5h-utilization", value.encode())], NOW).windows == ()
    assert read(unified_5h_utilization="0.5", unified_5h_reset="9" * 20).windows[0].limit.resets_at is None


def test_no_headers_no_limits() -> None:
    assert read(content_type="x", x_ratelimit_limit="5") == Limits()


KNOWN = ("retry-after", "retry-after-ms", "anthropic-ratelimit-unified-5h-utilization")
made = st.text(st.characters(max_codepoint=255), max_size=9).map("anthropic-ratelimit-{}-limit".format)
names = st.sampled_from(KNOWN) | made


@given(st.lists(st.tuples(names.map(lambda name: name.encode("latin-1")), st.binary(max_size=30)), max_size=40))
def test_no_headers_make_it_fail(headers: list[tuple[bytes, bytes]]) -> None:
    limits = read_limits(headers, NOW)
    assert len(limits.windows) <= 32
    until = limits.rests_until(NOW)
    assert until is None or NOW <= until <= NOW + 8 * DAY
