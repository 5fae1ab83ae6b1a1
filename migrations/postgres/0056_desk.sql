-- What staff keep for themselves and for each other: lists by name, who sees to a cause, notes, and alerts that
-- somebody has seen. Nothing of it may hold what is known about a resident.
-- A list's filter under a name.
CREATE TABLE saved_view (
    id BIGINT PRIMARY KEY,
    -- work-orders, messages
    list TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Its words: JSON.
    filter TEXT NOT NULL,
    -- Their name, by whichever door they came: `kim`.
    owner TEXT NOT NULL,
    -- Everybody has it.
    shared BOOLEAN NOT NULL,
    made_ms BIGINT NOT NULL,
    UNIQUE (list, owner, name)
);
-- Who sees to a cause, and until when nobody is to be reminded of it.
CREATE TABLE cause_desk (
    code TEXT PRIMARY KEY,
    -- The name that they sign in by; null where nobody has it.
    owner TEXT,
    given_by TEXT,
    owned_ms BIGINT,
    silent_until_ms BIGINT,
    silenced_by TEXT,
    silent_why TEXT
);
-- What somebody wrote to a cause or a work order.
CREATE TABLE note (
    id BIGINT PRIMARY KEY,
    -- As the audit log names it: `work order 10007`, `cause code_unknown`.
    target TEXT NOT NULL,
    text TEXT NOT NULL,
    written_by TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
CREATE INDEX note_of_target ON note (target, id);
-- Alerts that somebody has seen, until then.
CREATE TABLE alert_seen (
    -- What it is about, and since when it is so: another time is another alert.
    alert TEXT PRIMARY KEY,
    seen_by TEXT NOT NULL,
    why TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);
-- What people changed in the last day, by what they did: the first page asks for it.
CREATE INDEX audit_of_action ON audit (action, id);
