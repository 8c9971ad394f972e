"""The tables of the roll-ups that every engine in SQL keeps, each with its key; it holds no SQL."""

from typing import Final

SPANS: Final = ("usage_rollup", ("grain", "dimension", "key_id", "start", "model_id"))
DAYS: Final = (
    "usage_day",
    (
        "day",
        "token_id",
        "account_id",
        "user_id",
        "project_id",
        "session_id",
        "mode_id",
        "source_id",
        "model_id",
    ),
)
MONTHS: Final = ("usage_month", ("dimension", "key_id", "model_id", "month"))
