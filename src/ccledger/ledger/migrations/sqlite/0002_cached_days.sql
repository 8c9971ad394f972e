-- What Claude Code's own statistics tell of days. They are estimates, never calls: only days without calls show them.

-- Costs in nano-USD, NULL when the model has no price; cost_low is the whole cost with five-minute cache writes.
CREATE TABLE cached_day (
    root TEXT NOT NULL,
    day INTEGER NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    with_cache INTEGER NOT NULL,
    input_cost INTEGER,
    output_cost INTEGER,
    cache_creation_cost INTEGER,
    cache_read_cost INTEGER,
    cost_low INTEGER,
    computed_on INTEGER NOT NULL,
    PRIMARY KEY (root, day, model)
) WITHOUT ROWID;

CREATE INDEX cached_day_day ON cached_day (day);

-- The files they come from, by Claude directory; empty for one that was handed over from elsewhere.
CREATE TABLE cached_file (
    root TEXT PRIMARY KEY,
    seen BLOB NOT NULL,
    version INTEGER NOT NULL,
    computed_on INTEGER NOT NULL,
    left_out INTEGER NOT NULL,
    problem TEXT NOT NULL
) WITHOUT ROWID;
