-- What only the one knows who stood between client and upstream.

-- endpoint_id 0: nobody stood between. failed_by: see core/call.py. attempts: how often it was sent upstream.
ALTER TABLE request_logs ADD COLUMN endpoint_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE request_logs ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;
ALTER TABLE request_logs ADD COLUMN failed_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE request_logs ADD COLUMN error_message TEXT;
ALTER TABLE request_logs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;

-- The calls of an access token, an account or a user are found by what the roll-ups say of every quarter-hour, which
-- costs nothing more to write. Only the status is in none: rows of transcripts have none, and most others 200.
CREATE INDEX request_logs_status ON request_logs (status_code, id) WHERE status_code <> 200;
