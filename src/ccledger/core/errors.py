"""The errors a caller can act on, drawn once; each message says what to do next."""


class LedgerError(Exception):
    """Something the user can mend; its text is shown as it stands, never with a traceback."""


class UsageError(LedgerError):
    """What was asked for makes no sense; the text says what is accepted (exit code 2, HTTP 400)."""


class StoreError(LedgerError):
    """The ledger's storage can't be used as it is; the text says why and what helps."""


class LedgerBusy(StoreError):
    """Another process holds the data directory and can't be asked to do the work."""


class NotReadable(LedgerError):
    """A file is not what it should be; the text says what it is instead."""
