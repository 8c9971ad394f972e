-- Who may call: the users and the access tokens that this system issued. Times are milliseconds since 1970.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO users VALUES ('owner', 'owner', CAST(strftime('%s', 'now') AS INTEGER) * 1000);

-- secret_hash: SHA-256 of the whole key, which is random enough not to be guessed. models, ips: JSON arrays of texts.
-- A row with deleted_at is only there so that the calls it made can be named; calls know tokens by table `name` alone.
CREATE TABLE access_token (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    user_name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    mode TEXT NOT NULL,
    hint TEXT NOT NULL,
    note TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    models TEXT NOT NULL,
    ips TEXT NOT NULL,
    requests_per_minute INTEGER,
    tokens_per_minute INTEGER,
    concurrency INTEGER,
    enable_conversation_logging INTEGER NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    deleted_at INTEGER
) WITHOUT ROWID;

-- The table of the specification. Its sums are those of all recorded time; when a token was used last is looked for
-- where the roll-up knows its newest calls. The ids' epoch: see ledger/ids.py.
CREATE VIEW tokens AS
WITH used (token_id, calls, all_tokens) AS (
    SELECT key_id,
           sum(calls),
           CAST(
               total(input_tokens + output_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens)
               AS INTEGER
           )
    FROM usage_rollup
    WHERE grain = 1 AND dimension = 1
    GROUP BY key_id
),
newest (token_id, quarter) AS (
    SELECT key_id, max(start) FROM usage_rollup WHERE grain = 0 AND dimension = 1 AND calls > 0 GROUP BY key_id
),
last (token_id, used_at) AS (
    SELECT token_id,
           coalesce(
               (
                   SELECT max(request_at) FROM request_logs
                   WHERE request_logs.token_id = newest.token_id
                       AND id BETWEEN (quarter * 900000 - 1600000000000) << 20
                           AND ((quarter * 900000 + 900000 - 1600000000000) << 20) - 1
               ),
               quarter * 900000
           )
    FROM newest
)
SELECT access_token.id AS id,
       access_token.name AS name,
       mode,
       strftime('%Y-%m-%d %H:%M:%f', created_at / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%d %H:%M:%f', expires_at / 1000.0, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%d %H:%M:%f', revoked_at / 1000.0, 'unixepoch') AS revoked_at,
       strftime('%Y-%m-%d %H:%M:%f', used_at / 1000.0, 'unixepoch') AS last_used_at,
       enable_conversation_logging,
       coalesce(used.calls, 0) AS total_requests,
       coalesce(used.all_tokens, 0) AS total_tokens_used
FROM access_token
LEFT JOIN name AS known ON known.kind = 5 AND known.text = access_token.id
LEFT JOIN used ON used.token_id = known.id
LEFT JOIN last ON last.token_id = known.id
WHERE deleted_at IS NULL;
