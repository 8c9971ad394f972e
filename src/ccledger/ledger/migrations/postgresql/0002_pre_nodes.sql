-- Several nodes that write one ledger: who they are, what they tell each other, and what they count together.
-- Times are milliseconds since 1970 by the database's clock, so that no node's own clock matters.

CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT
$$;

-- One row a number that ids can carry. `holder` is the process that has it, new with each start; `home` its data
-- directory. The holder is unique so that giving a number away waits for whoever books under it at that moment.
CREATE TABLE node (
    number INTEGER PRIMARY KEY CHECK (number BETWEEN 0 AND 255),
    holder TEXT UNIQUE,
    home TEXT NOT NULL DEFAULT '',
    host TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    taken_at BIGINT NOT NULL DEFAULT 0,
    beat_at BIGINT NOT NULL DEFAULT 0,
    leased_until BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

INSERT INTO node (number) SELECT generate_series(0, 255);

-- Nothing is booked under a number that was given to somebody else meanwhile: who was paused for long finds out in the
-- very transaction that would have done it. `ccledger.lease` is `number:holder`; who sets none is no node.
CREATE FUNCTION refuse_lost() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    lease TEXT := coalesce(current_setting('ccledger.lease', true), '');
BEGIN
    IF lease = '' THEN
        RETURN NEW;
    END IF;
    PERFORM 1 FROM node
    WHERE number = split_part(lease, ':', 1)::INTEGER AND holder = split_part(lease, ':', 2)
    FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this node has lost its number to another one, and takes a new one' USING ERRCODE = 'insufficient_resources';
    END IF;
    RETURN NEW;
END
$$;

-- The ids of a batch were given before the booking began, maybe under a number that was lost since.
CREATE FUNCTION refuse_other_number() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    lease TEXT := coalesce(current_setting('ccledger.lease', true), '');
BEGIN
    IF lease <> '' AND NEW.node <> split_part(lease, ':', 1)::INTEGER THEN
        RAISE EXCEPTION 'this node has lost its number to another one, and has a new one' USING ERRCODE = 'insufficient_resources';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER refuse_other_number BEFORE INSERT ON batch FOR EACH ROW EXECUTE FUNCTION refuse_other_number();
CREATE TRIGGER refuse_lost BEFORE INSERT ON batch FOR EACH STATEMENT EXECUTE FUNCTION refuse_lost();
CREATE TRIGGER refuse_lost BEFORE INSERT OR UPDATE OR DELETE ON source_position
FOR EACH STATEMENT EXECUTE FUNCTION refuse_lost();

-- What was changed on one node is told to all at the commit.
CREATE FUNCTION tell_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ccledger', 'changed:' || TG_TABLE_NAME);
    RETURN NULL;
END
$$;

CREATE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE ON users
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
CREATE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE ON access_token
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
CREATE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE ON accounts
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
CREATE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE ON price
FOR EACH STATEMENT EXECUTE FUNCTION tell_change();
CREATE TRIGGER tell_change AFTER INSERT OR UPDATE ON setting
FOR EACH ROW WHEN (NEW.name = 'zone') EXECUTE FUNCTION tell_change();

-- Two nodes may change a token in the same moment, and neither knows of the other yet: what has ended stays ended.
CREATE FUNCTION keep_ended() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.revoked_at := least(OLD.revoked_at, NEW.revoked_at);
    NEW.deleted_at := least(OLD.deleted_at, NEW.deleted_at);
    RETURN NEW;
END
$$;

CREATE TRIGGER keep_ended BEFORE UPDATE ON access_token FOR EACH ROW EXECUTE FUNCTION keep_ended();

-- An account that was deleted on one node does not come back by what another one still knows of it.
CREATE FUNCTION keep_deleted() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.deleted_at := least(OLD.deleted_at, NEW.deleted_at);
    NEW.sealed := NULL;
    NEW.is_active := 0;
    RETURN NEW;
END
$$;

CREATE TRIGGER keep_deleted BEFORE UPDATE ON accounts
FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL) EXECUTE FUNCTION keep_deleted();

-- Calls of access tokens with limits, and of accounts with a limit, counted for all nodes. A subject is `token:ID` or
-- `account:ID`; its row in call_count is locked by whoever counts, and holds the sums of its rows in call_taken.
CREATE TABLE call_count (
    subject TEXT PRIMARY KEY,
    requests BIGINT NOT NULL DEFAULT 0,
    tokens BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE call_taken (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject TEXT NOT NULL,
    ticket BIGINT NOT NULL,
    at BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    tokens BIGINT NOT NULL
);
CREATE INDEX call_taken_by_time ON call_taken (subject, at);
CREATE INDEX call_taken_by_ticket ON call_taken (ticket);

-- A call that is open counts until it ends, or until the lease of its node does.
CREATE TABLE call_open (
    ticket BIGINT PRIMARY KEY,
    subject TEXT NOT NULL,
    holder TEXT NOT NULL
);
CREATE INDEX call_open_by_subject ON call_open (subject);

-- The minute that ends now, for a subject that the caller holds locked.
CREATE FUNCTION forget_old(of_subject TEXT, moment BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    gone RECORD;
BEGIN
    WITH old AS (
        DELETE FROM call_taken WHERE subject = of_subject AND at <= moment - 60000 RETURNING requests, tokens
    )
    SELECT count(*) AS rows, sum(requests) AS requests, sum(tokens) AS tokens INTO gone FROM old;
    IF gone.rows > 0 THEN
        UPDATE call_count SET requests = requests - gone.requests, tokens = tokens - gone.tokens
        WHERE subject = of_subject;
    END IF;
END
$$;

-- Milliseconds until so much of the last minute is over, NULL when all of it would not do.
CREATE FUNCTION wait_for_requests(of_subject TEXT, excess NUMERIC, moment BIGINT) RETURNS BIGINT LANGUAGE sql AS $$
    SELECT at + 60000 - moment
    FROM (
        SELECT number, at, sum(requests) OVER (ORDER BY at, number) AS freed FROM call_taken WHERE subject = of_subject
    ) AS taken
    WHERE freed >= excess ORDER BY at, number LIMIT 1
$$;

CREATE FUNCTION wait_for_tokens(of_subject TEXT, excess NUMERIC, moment BIGINT) RETURNS BIGINT LANGUAGE sql AS $$
    SELECT at + 60000 - moment
    FROM (
        SELECT number, at, sum(tokens) OVER (ORDER BY at, number) AS freed FROM call_taken WHERE subject = of_subject
    ) AS taken
    WHERE freed >= excess ORDER BY at, number LIMIT 1
$$;

-- Counts one more call, or says what it has to wait for: `requests` or `tokens` for so many milliseconds, or `room`.
CREATE FUNCTION take_call(
    new_ticket BIGINT, of_subject TEXT, of_holder TEXT,
    most_requests BIGINT, most_tokens BIGINT, most_open BIGINT, expected BIGINT,
    OUT lacks TEXT, OUT wait_ms BIGINT
) LANGUAGE plpgsql AS $$
DECLARE
    moment BIGINT;
    taken call_count%ROWTYPE;
    for_requests BIGINT := 0;
    for_tokens BIGINT := 0;
BEGIN
    INSERT INTO call_count (subject) VALUES (of_subject) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM call_count WHERE subject = of_subject FOR UPDATE;
    moment := now_ms();
    PERFORM forget_old(of_subject, moment);
    SELECT * INTO taken FROM call_count WHERE subject = of_subject;
    IF taken.requests + 1 > most_requests THEN
        for_requests := greatest(1, wait_for_requests(of_subject, taken.requests + 1 - most_requests, moment));
    END IF;
    IF taken.tokens + expected > most_tokens AND taken.tokens > 0 THEN
        for_tokens := greatest(1, wait_for_tokens(of_subject, taken.tokens + expected - most_tokens, moment));
    END IF;
    IF for_requests > 0 OR for_tokens > 0 THEN
        lacks := CASE WHEN for_tokens > for_requests THEN 'tokens' ELSE 'requests' END;
        wait_ms := greatest(for_requests, for_tokens);
        RETURN;
    END IF;
    wait_ms := 0;
    IF most_open <= (
        SELECT count(*) FROM call_open
        JOIN node ON node.holder = call_open.holder AND node.leased_until > moment
        WHERE call_open.subject = of_subject
    ) THEN
        lacks := 'room';
        RETURN;
    END IF;
    lacks := '';
    INSERT INTO call_open VALUES (new_ticket, of_subject, of_holder);
    IF most_requests IS NOT NULL OR most_tokens IS NOT NULL THEN
        INSERT INTO call_taken (subject, ticket, at, requests, tokens)
        VALUES (of_subject, new_ticket, moment, 1, expected);
        UPDATE call_count SET requests = requests + 1, tokens = tokens + expected WHERE subject = of_subject;
    END IF;
END
$$;

-- Ends a call that was expected to use so many tokens and has used so many: less was never taken, more is taken now.
CREATE FUNCTION leave_call(old_ticket BIGINT, of_subject TEXT, expected BIGINT, used BIGINT)
RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    moment BIGINT;
    corrected BOOLEAN;
BEGIN
    PERFORM 1 FROM call_count WHERE subject = of_subject FOR UPDATE;
    DELETE FROM call_open WHERE ticket = old_ticket;
    IF NOT FOUND OR used = expected THEN
        RETURN;
    END IF;
    moment := now_ms();
    PERFORM forget_old(of_subject, moment);
    IF used > expected THEN
        INSERT INTO call_taken (subject, ticket, at, requests, tokens)
        VALUES (of_subject, old_ticket, moment, 0, used - expected);
        corrected := true;
    ELSE
        UPDATE call_taken SET tokens = used WHERE ticket = old_ticket AND requests = 1;
        corrected := FOUND;
    END IF;
    IF corrected THEN
        UPDATE call_count SET tokens = tokens + used - expected WHERE subject = of_subject;
    END IF;
END
$$;

-- Ends and takes calls in the order that is given, one subject after the other in the same order for everybody: two who
-- count at once never wait for each other in a circle. What has no `used` is taken, anything else ends.
CREATE FUNCTION exchange_calls(
    of_holder TEXT, tickets BIGINT[], subjects TEXT[], expected BIGINT[], used BIGINT[],
    most_requests BIGINT[], most_tokens BIGINT[], most_open BIGINT[]
) RETURNS TABLE (ticket BIGINT, lacks TEXT, wait_ms BIGINT) LANGUAGE plpgsql AS $$
BEGIN
    FOR at IN 1 .. cardinality(tickets) LOOP
        IF used[at] IS NOT NULL THEN
            PERFORM leave_call(tickets[at], subjects[at], expected[at], used[at]);
            CONTINUE;
        END IF;
        ticket := tickets[at];
        SELECT took.lacks, took.wait_ms INTO lacks, wait_ms
        FROM take_call(
            tickets[at], subjects[at], of_holder, most_requests[at], most_tokens[at], most_open[at], expected[at]
        ) AS took;
        RETURN NEXT;
    END LOOP;
END
$$;
