"""Where calls come from: one file or folder each; no source knows another, or the ledger."""
