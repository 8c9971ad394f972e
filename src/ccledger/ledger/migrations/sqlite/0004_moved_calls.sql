-- Calls whose id does not tell when they ran: a later fact knew an earlier start, or the clock was far off. Everything
-- else is found by time through its id, so that time needs no index of its own. The ids' epoch: see ledger/ids.py.

CREATE INDEX request_logs_moved ON request_logs (request_at) WHERE request_at <> (id >> 20) + 1600000000000;
