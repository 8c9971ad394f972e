-- Upstream accounts. What is deleted keeps its row, without its credential, because calls name it by its id.

-- Times in milliseconds since 1970. `sealed` is the credential, encrypted with a key that is not in this file.
CREATE TABLE accounts (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    base_url TEXT NOT NULL,
    proxy_url TEXT NOT NULL,
    hint TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    billing TEXT NOT NULL,
    weight INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    concurrency INTEGER,
    is_active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_check_at INTEGER,
    health_status TEXT NOT NULL,
    sealed BLOB,
    deleted_at INTEGER
);
