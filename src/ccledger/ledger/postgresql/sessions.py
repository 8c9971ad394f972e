"""Tells what sessions there are in the PostgreSQL ledger and how far it reaches; it writes nothing."""

from collections.abc import Iterable
from typing import Any

from ccledger.ledger.kinds import Kind
from ccledger.ledger.postgresql import questions
from ccledger.ledger.postgresql.asking import Asking
from ccledger.ledger.postgresql.history import first_id
from ccledger.ledger.postgresql.writing import short_key
from ccledger.ledger.store import Batch, SessionInfo, SessionRow, Summary


class SessionReader(Asking):
    """The part of a store that knows sessions, keys, positions and batches."""

    def sessions(self, first_day: int, last_day: int) -> list[SessionRow]:
        """See `Store.sessions`."""
        return self._session_rows(self._ask(questions.SESSIONS, first=first_day, last=last_day))

    def sessions_named(self, sessions: Iterable[str]) -> list[SessionRow]:
        """See `Store.sessions_named`."""
        wanted = self._session_ids(sessions)
        return self._session_rows(self._ask(questions.SESSIONS_NAMED, sessions=wanted)) if wanted else []

    def _session_ids(self, sessions: Iterable[str]) -> list[int]:
        return list(self._ids_of(Kind.SESSION, sessions).values())

    def _session_rows(self, rows: list[Any]) -> list[SessionRow]:
        texts = self._text_of({number for row in rows for number in row[1:3]})
        return [SessionRow(row[0], texts[row[1]] or "", texts[row[2]] or "", row[3:]) for row in rows]

    def session_infos(self, sessions: Iterable[str]) -> list[SessionInfo]:
        """See `Store.session_infos`."""
        wanted = self._session_ids(sessions)
        rows = self._ask(questions.SESSION_INFOS, sessions=wanted) if wanted else []
        texts = self._text_of({number for row in rows for number in (row[0], row[2])})
        projects = self._project_of({row[1] for row in rows})
        places = [tuple(name or "" for name in (texts[row[0]], *projects[row[1]], texts[row[2]])) for row in rows]
        return [SessionInfo._make((*place, *row[3:])) for place, row in zip(places, rows, strict=True)]

    def recent_sessions(self, since: int, limit: int) -> list[str]:
        """See `Store.recent_sessions`."""
        ids = [number for (number,) in self._ask(questions.RECENT_SESSIONS, first=first_id(since), limit=limit)]
        texts = self._text_of(ids)
        return [texts[number] or "" for number in ids]

    def summary(self) -> Summary:
        """See `Store.summary`."""
        return Summary(*self._ask(questions.SUMMARY)[0])

    def booked(self, keys: Iterable[str]) -> set[str]:
        """See `Store.booked`."""
        return self._keys_of(questions.BOOKED, keys)

    def exchanged(self, keys: Iterable[str]) -> set[str]:
        """See `Store.exchanged`."""
        return self._keys_of(questions.EXCHANGED, keys)

    def _keys_of(self, question: str, keys: Iterable[str]) -> set[str]:
        wanted = {short_key(key): key for key in keys}
        return {wanted[key] for (key,) in self._ask(question, keys=[*wanted])} if wanted else set()

    def positions(self) -> dict[str, bytes]:
        """See `Store.positions`."""
        return dict(self._ask(questions.POSITIONS))

    def position(self, name: str) -> bytes | None:
        """See `Store.position`."""
        found = self._ask(questions.POSITION, name=name)
        return found[0][0] if found else None

    _batches_question = questions.BATCHES

    def batches(self, after: int, limit: int) -> list[Batch]:
        """See `Store.batches`."""
        import msgspec

        from ccledger.ledger.booking import unpack_ids

        return [
            Batch(sequence, at, unpack_ids(ids), {name: tuple(m) for name, m in msgspec.json.decode(models).items()})
            for sequence, at, ids, models in self._ask(self._batches_question, after=after, limit=limit)
        ]
