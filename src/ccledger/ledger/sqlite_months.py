"""Sums of whole months beside those of days, once a month is over: for speed alone, no number depends on them.

A month is closed when days of a later one are there. Until then nobody pays for it; afterwards, what is booked into it
goes to its months' rows, too.
"""

# As in engines/sqlite.py: apsw's type stubs leave the types of bindings open.
# pyright: reportUnknownMemberType=false

import apsw

from ccledger.ledger import sqlite_questions as questions
from ccledger.ledger.months import first_day, month_of


def closed_before(connection: apsw.Connection) -> int:
    """The first month that is not closed."""
    return int(connection.execute(questions.CLOSED_BEFORE).get or 0)


def close_months(connection: apsw.Connection) -> None:
    """Sums up every month that is over, if it was not yet; within a transaction."""
    newest: int | None = connection.execute(questions.NEWEST_DAY).get
    closed, running = closed_before(connection), 0 if newest is None else month_of(newest)
    if running <= closed:
        return
    try:
        connection.execute(questions.SUM_MONTHS, (first_day(closed) if closed else 0, first_day(running) - 1))
    except apsw.SQLError as error:
        # Sums beyond 64 bits come from nonsense; then all questions are answered by days.
        if "overflow" not in str(error):
            raise
        return
    connection.execute("INSERT OR REPLACE INTO setting VALUES ('months', ?)", (str(running),))
