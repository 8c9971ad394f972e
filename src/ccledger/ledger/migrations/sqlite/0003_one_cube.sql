-- One table holds the days of every combination, sessions and sources included: combined questions need no calls.

DROP TABLE session_day;
DROP TABLE usage_day;

-- source_id: 0 is "transcript", else as in core/call.py.
CREATE TABLE usage_day (
    day INTEGER NOT NULL,
    token_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    session_id INTEGER NOT NULL,
    mode_id INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
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
    PRIMARY KEY (day, token_id, account_id, user_id, project_id, session_id, mode_id, source_id, model_id)
) WITHOUT ROWID;

CREATE INDEX usage_day_session ON usage_day (session_id, day);

-- What usage_rollup says of the days of every month that is over (setting `months`: the first that is not), in the order
-- in which long ranges are summed up. month: counted from year 0.
CREATE TABLE usage_month (
    dimension INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    month INTEGER NOT NULL,
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
    PRIMARY KEY (dimension, key_id, model_id, month)
) WITHOUT ROWID;

-- Roll-ups are in the ledger's own days, which SQL can't tell: whoever opens the ledger to write sums up anew.
INSERT INTO setting SELECT 'sums', 'stale' WHERE EXISTS (SELECT 1 FROM request_logs);
