"""Claude Code's transcripts on disk as a source of calls; read-only towards Claude's directories."""
