"""Storage engines: a file's name is the URL scheme that chooses it; no engine knows another."""
