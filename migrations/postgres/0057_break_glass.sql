-- Accounts for an emergency: two at most, each an administrator for an hour when it is opened. What makes one is that
-- it has networks: from which it is opened, `10.1.0.0/16,…`, or from anywhere where that is empty.
ALTER TABLE staff ADD COLUMN glass_networks TEXT;
-- Wrong tries since it was opened last.
ALTER TABLE staff ADD COLUMN glass_failures BIGINT NOT NULL DEFAULT 0;
-- It is taken away for good.
ALTER TABLE staff ADD COLUMN withdrawn_ms BIGINT;
ALTER TABLE staff ADD COLUMN withdrawn_by TEXT;
-- Whose account or key it is, by one name for a person who has several.
ALTER TABLE staff ADD COLUMN owner TEXT;
ALTER TABLE api_key ADD COLUMN owner TEXT;

-- A session that ends then, whatever is done in it; and the alert that its opening raised.
ALTER TABLE staff_session ADD COLUMN until_ms BIGINT;
ALTER TABLE staff_session ADD COLUMN alert_id BIGINT;

-- What those who look after people and after information have to know of, until somebody has written what they think
-- of it.
CREATE TABLE staff_alert (
    id BIGINT PRIMARY KEY,
    -- opened: a break-glass account; locked: one of them; invited: somebody who was there already.
    kind TEXT NOT NULL,
    -- The account, as it signs in.
    name TEXT NOT NULL,
    -- Who did it, as far as is known.
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- The address that it came from; empty where it came by a command.
    place TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    until_ms BIGINT,
    reviewed_ms BIGINT,
    reviewed_by TEXT,
    review TEXT
);
-- What was done by such an account.
CREATE INDEX audit_of_break_glass ON audit (id) WHERE actor LIKE 'break-glass:%';
