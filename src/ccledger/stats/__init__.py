"""Questions to the ledger; `spent` is the one definition of what was spent, everything else is built on it."""
