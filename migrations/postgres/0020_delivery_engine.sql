-- What keeps deliveries in order, tells one that a newer one makes pointless, and finds the one that kills
-- whoever sends it.

-- The account or resident that it speaks of: a newer one of the same mapping says what is so now.
ALTER TABLE delivery ADD COLUMN subject_id BIGINT NOT NULL DEFAULT 0;
-- 0: it stands in no line. 1: it leaves after the earlier ones of its resident at its destination that
-- still go on by themselves. 2: and those behind it wait for it even while it is held.
ALTER TABLE delivery ADD COLUMN in_line BIGINT NOT NULL DEFAULT 1;
ALTER TABLE delivery ADD COLUMN newest_only BOOLEAN NOT NULL DEFAULT FALSE;
-- It goes before all that are not, in a line of its own.
ALTER TABLE delivery ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE;
-- 0: no sender died with it in hand. 1: one did, among others. And so many more times it was alone.
ALTER TABLE delivery ADD COLUMN crashes BIGINT NOT NULL DEFAULT 0;
UPDATE delivery SET in_line = 0 WHERE message LIKE '{"amount_pence":%';

-- The line of a resident: what is settled is passed over without being looked at.
DROP INDEX delivery_of_resident;
CREATE INDEX delivery_of_resident ON delivery (resident_id, settled_ms);
CREATE INDEX delivery_urgent ON delivery (destination, state, next_ms, id)
    WHERE urgent AND settled_ms IS NULL;
CREATE INDEX delivery_crashed ON delivery (destination, state, crashes)
    WHERE crashes > 0 AND settled_ms IS NULL;

-- How each destination stands. Only the holder of its lease writes here, but for a pause; and so what is
-- counted here is counted for all nodes together.
CREATE TABLE destination (
    name TEXT PRIMARY KEY,
    -- closed: what is due leaves. open: nothing leaves until probe_ms, and then one at a time.
    -- halted: it does not let us in, and a person mends that first.
    circuit TEXT NOT NULL,
    code TEXT,
    cause TEXT,
    -- Failures one after another, and how often the circuit opened since it last held.
    failures BIGINT NOT NULL,
    opened BIGINT NOT NULL,
    opened_ms BIGINT,
    probe_ms BIGINT NOT NULL,
    -- What may leave at once, in thousandths, as it was at filled_ms.
    permits BIGINT NOT NULL,
    filled_ms BIGINT NOT NULL,
    -- What left on a day, counted from 1970 in UTC.
    day BIGINT NOT NULL,
    emails BIGINT NOT NULL,
    texts BIGINT NOT NULL,
    letters BIGINT NOT NULL,
    -- A person's pause: since when, whose, and why.
    paused_ms BIGINT,
    paused_by TEXT,
    paused_why TEXT
);

-- A process that dies while it resolves a batch leaves this set. The next takes the records up to
-- careful_to one by one; behind crashed_at stands the one that killed it so often.
ALTER TABLE batch ADD COLUMN resolving BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE batch ADD COLUMN careful_to BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN crashed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN crashes BIGINT NOT NULL DEFAULT 0;
