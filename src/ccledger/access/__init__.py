"""Who may call, and by which upstream: access tokens, accounts, users; it keeps no call."""
