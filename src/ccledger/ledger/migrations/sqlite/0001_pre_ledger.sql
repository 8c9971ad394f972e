-- Calls, the keys they are known by, and everything that is summed up from them.

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Small integer ids for texts that repeat. kind: see ledger/kinds.py.
CREATE TABLE name (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (kind, text)
);

CREATE TABLE project (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    folder TEXT NOT NULL,
    UNIQUE (path, folder)
);

-- One row a call. Times are milliseconds since 1970 (UTC), money is nano-USD, NULL cost means "no price" (and for web
-- searches "none", too). traits: bits, see ledger/rows.py. placed_at NULL: at request_at.
CREATE TABLE request_logs (
    id INTEGER PRIMARY KEY,
    request_at INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    input_cost INTEGER,
    output_cost INTEGER,
    cache_creation_cost INTEGER,
    cache_read_cost INTEGER,
    traits INTEGER NOT NULL,
    session_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    branch_id INTEGER NOT NULL,
    agent_id INTEGER NOT NULL,
    request_id TEXT,
    web_searches INTEGER NOT NULL DEFAULT 0,
    web_search_cost INTEGER,
    placed_at INTEGER,
    party_source INTEGER NOT NULL DEFAULT 0,
    token_id INTEGER NOT NULL DEFAULT 0,
    account_id INTEGER NOT NULL DEFAULT 0,
    user_id INTEGER NOT NULL DEFAULT 0,
    mode_id INTEGER NOT NULL DEFAULT 0,
    outcome INTEGER NOT NULL DEFAULT 0,
    status_code INTEGER,
    duration_ms INTEGER,
    ttft_ms INTEGER
);

CREATE INDEX request_logs_session ON request_logs (session_id, id);

-- The keys that identify a call.
CREATE TABLE call_key (
    key TEXT PRIMARY KEY,
    call_id INTEGER NOT NULL
) WITHOUT ROWID;

-- Request ids by which a call has to be found, which may be several calls'. A call's own request id stands in its row
-- and comes here only once facts have been seen that know nothing else (bare); before, nobody asks for it.
CREATE TABLE request_key (
    key TEXT NOT NULL,
    call_id INTEGER NOT NULL,
    bare INTEGER NOT NULL,
    PRIMARY KEY (key, call_id)
) WITHOUT ROWID;

CREATE INDEX request_key_bare ON request_key (key) WHERE bare = 1;

-- Calls that turned out to be part of another one.
CREATE TABLE call_alias (
    id INTEGER PRIMARY KEY,
    call_id INTEGER NOT NULL
);

CREATE TABLE usage_rollup (
    grain INTEGER NOT NULL,
    dimension INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    start INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    partial_calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    input_cost INTEGER NOT NULL,
    output_cost INTEGER NOT NULL,
    cache_creation_cost INTEGER NOT NULL,
    cache_read_cost INTEGER NOT NULL,
    web_searches INTEGER NOT NULL DEFAULT 0,
    web_search_cost INTEGER NOT NULL DEFAULT 0,
    equivalent_cost INTEGER NOT NULL DEFAULT 0,
    error_calls INTEGER NOT NULL DEFAULT 0,
    aborted_calls INTEGER NOT NULL DEFAULT 0,
    estimated_calls INTEGER NOT NULL DEFAULT 0,
    unknown_calls INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER NOT NULL DEFAULT 0,
    timed_calls INTEGER NOT NULL DEFAULT 0,
    first_token_ms INTEGER NOT NULL DEFAULT 0,
    first_token_calls INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (grain, dimension, start, key_id, model_id)
) WITHOUT ROWID;

CREATE TABLE usage_day (
    day INTEGER NOT NULL,
    token_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    mode_id INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    partial_calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    input_cost INTEGER NOT NULL,
    output_cost INTEGER NOT NULL,
    cache_creation_cost INTEGER NOT NULL,
    cache_read_cost INTEGER NOT NULL,
    web_searches INTEGER NOT NULL DEFAULT 0,
    web_search_cost INTEGER NOT NULL DEFAULT 0,
    equivalent_cost INTEGER NOT NULL DEFAULT 0,
    error_calls INTEGER NOT NULL DEFAULT 0,
    aborted_calls INTEGER NOT NULL DEFAULT 0,
    estimated_calls INTEGER NOT NULL DEFAULT 0,
    unknown_calls INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER NOT NULL DEFAULT 0,
    timed_calls INTEGER NOT NULL DEFAULT 0,
    first_token_ms INTEGER NOT NULL DEFAULT 0,
    first_token_calls INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, token_id, account_id, user_id, project_id, mode_id, model_id)
) WITHOUT ROWID;

CREATE TABLE session_day (
    day INTEGER NOT NULL,
    session_id INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    partial_calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL,
    input_cost INTEGER NOT NULL,
    output_cost INTEGER NOT NULL,
    cache_creation_cost INTEGER NOT NULL,
    cache_read_cost INTEGER NOT NULL,
    web_searches INTEGER NOT NULL DEFAULT 0,
    web_search_cost INTEGER NOT NULL DEFAULT 0,
    equivalent_cost INTEGER NOT NULL DEFAULT 0,
    error_calls INTEGER NOT NULL DEFAULT 0,
    aborted_calls INTEGER NOT NULL DEFAULT 0,
    estimated_calls INTEGER NOT NULL DEFAULT 0,
    unknown_calls INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER NOT NULL DEFAULT 0,
    timed_calls INTEGER NOT NULL DEFAULT 0,
    first_token_ms INTEGER NOT NULL DEFAULT 0,
    first_token_calls INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, session_id, model_id)
) WITHOUT ROWID;

CREATE INDEX session_day_session ON session_day (session_id, day);

-- How far each source has been read, in the source's own bytes.
CREATE TABLE source_position (
    name TEXT PRIMARY KEY,
    position BLOB NOT NULL
) WITHOUT ROWID;

-- One row a commit: what later stages follow. ids: 64-bit little-endian, models: JSON of differences by model.
CREATE TABLE batch (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    node INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    ids BLOB NOT NULL,
    models BLOB NOT NULL
);
