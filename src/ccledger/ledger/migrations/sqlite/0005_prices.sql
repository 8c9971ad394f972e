-- Dated prices, what became of calls that are kept no longer, and the tables of the specification as views.

-- What the program ships (set_at NULL) and what was set over it, a later row over an earlier one. Prices are in pico-USD
-- a token, which is USD per million tokens times 1,000,000; starts_at <= time < ends_at, in milliseconds since 1970.
CREATE TABLE price (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER,
    input INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    long_over INTEGER,
    long_input INTEGER,
    long_output INTEGER,
    long_cache_write_5m INTEGER,
    long_cache_write_1h INTEGER,
    long_cache_read INTEGER,
    source TEXT NOT NULL,
    set_at INTEGER,
    set_by TEXT
);

CREATE INDEX price_model ON price (model, starts_at);

-- Who changed prices or priced calls anew, and by how much the sums moved. finished_at NULL: not carried through.
CREATE TABLE price_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    what TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 0,
    old_cost INTEGER NOT NULL DEFAULT 0,
    new_cost INTEGER NOT NULL DEFAULT 0,
    finished_at INTEGER
);

-- What is still known of sessions some of whose calls were removed: the last place, how many agents have no call left,
-- and when the removed calls began and ended.
CREATE TABLE session_past (
    session_id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL,
    branch_id INTEGER NOT NULL,
    agents INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL
);

CREATE VIEW token_usage AS
SELECT request_logs.id AS id,
       strftime('%Y-%m-%d %H:%M:%f', request_at / 1000.0, 'unixepoch') AS timestamp,
       coalesce(model.text, '') AS model,
       input_tokens,
       output_tokens,
       cache_write_5m_tokens + cache_write_1h_tokens AS cache_creation_tokens,
       cache_read_tokens,
       input_cost / 1e9 AS input_cost,
       output_cost / 1e9 AS output_cost,
       cache_creation_cost / 1e9 AS cache_creation_cost,
       cache_read_cost / 1e9 AS cache_read_cost,
       (input_cost + output_cost + cache_creation_cost + cache_read_cost + coalesce(web_search_cost, 0)) / 1e9
           AS total_cost,
       session.text AS session_id,
       coalesce(nullif(project.path, ''), project.folder) AS project_name
FROM request_logs
LEFT JOIN name AS model ON model.id = model_id
LEFT JOIN name AS session ON session.id = session_id
LEFT JOIN project ON project.id = project_id;

-- total() where nonsense in a transcript may be more than an integer holds: it must not hide all other days.
CREATE VIEW daily_summary AS
SELECT start AS id,
       date(start * 86400, 'unixepoch') AS date,
       CAST(total(input_tokens) AS INTEGER) AS total_input_tokens,
       CAST(total(output_tokens) AS INTEGER) AS total_output_tokens,
       CAST(total(cache_write_5m_tokens + cache_write_1h_tokens) AS INTEGER) AS total_cache_creation_tokens,
       CAST(total(cache_read_tokens) AS INTEGER) AS total_cache_read_tokens,
       CASE WHEN sum(unpriced_calls) < sum(calls)
           THEN total(input_cost + output_cost + cache_creation_cost + cache_read_cost + web_search_cost) / 1e9
       END AS total_cost,
       coalesce(total(cache_read_tokens) / nullif(total(cache_read_tokens) + total(input_tokens), 0), 0.0)
           AS cache_hit_rate,
       (SELECT count(DISTINCT session_id) FROM usage_day WHERE day = start AND session_id > 0) AS session_count
FROM usage_rollup
WHERE grain = 1 AND dimension = 0
GROUP BY start;

CREATE VIEW usage_stats_daily AS
SELECT row_number() OVER (ORDER BY day, token_id, account_id, mode_id, model_id) AS id,
       date(day * 86400, 'unixepoch') AS stat_date,
       token.text AS token_id,
       account.text AS account_id,
       mode.text AS mode,
       model.text AS model,
       sum(calls) AS request_count,
       sum(calls - error_calls - aborted_calls) AS success_count,
       sum(error_calls + aborted_calls) AS error_count,
       CAST(total(input_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens) AS INTEGER)
           AS total_prompt_tokens,
       CAST(total(output_tokens) AS INTEGER) AS total_completion_tokens,
       CAST(
           total(input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens)
           AS INTEGER
       ) AS total_tokens,
       sum(duration_ms) / nullif(sum(timed_calls), 0) AS avg_duration_ms,
       sum(first_token_ms) / nullif(sum(first_token_calls), 0) AS avg_ttft_ms,
       datetime('now') AS created_at
FROM usage_day
LEFT JOIN name AS token ON token.id = token_id
LEFT JOIN name AS account ON account.id = account_id
LEFT JOIN name AS mode ON mode.id = mode_id
LEFT JOIN name AS model ON model.id = model_id
GROUP BY day, usage_day.token_id, usage_day.account_id, mode_id, model_id;

-- Active is what a call of this moment is priced by: one row a model.
CREATE VIEW model_pricing AS
WITH moment (now_ms) AS (SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000)
SELECT price.id AS id,
       model,
       input / 1e6 AS input_price,
       output / 1e6 AS output_price,
       cache_write_5m / 1e6 AS cache_creation_price,
       cache_read / 1e6 AS cache_read_price,
       date(starts_at / 1000, 'unixepoch') AS effective_date,
       price.id = (
           SELECT other.id FROM price AS other
           WHERE other.model = price.model AND other.starts_at <= now_ms AND coalesce(other.ends_at > now_ms, 1)
           ORDER BY other.set_at IS NOT NULL DESC, other.id DESC LIMIT 1
       ) IS TRUE AS is_active,
       date(ends_at / 1000, 'unixepoch') AS end_date,
       cache_write_1h / 1e6 AS cache_creation_1h_price,
       long_over AS long_context_over,
       long_input / 1e6 AS long_input_price,
       long_output / 1e6 AS long_output_price,
       long_cache_write_5m / 1e6 AS long_cache_creation_price,
       long_cache_write_1h / 1e6 AS long_cache_creation_1h_price,
       long_cache_read / 1e6 AS long_cache_read_price,
       source,
       strftime('%Y-%m-%d %H:%M:%f', set_at / 1000.0, 'unixepoch') AS set_at,
       set_by
FROM price, moment;
