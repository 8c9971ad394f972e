"""WHO MAY: access tokens and users, and how they change; the ledger says what happened, this says who."""
