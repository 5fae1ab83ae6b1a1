-- External effects to be made, each attempt at them, and when jobs ran.

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    change_event_id BIGINT NOT NULL,
    batch_id BIGINT NOT NULL,
    resident_id BIGINT NOT NULL,
    destination TEXT NOT NULL,
    mapping TEXT NOT NULL,
    mapping_version BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    needs_consent BOOLEAN NOT NULL,
    -- Our name for it at the platform: unique, without personal data.
    reference TEXT NOT NULL UNIQUE,
    message TEXT NOT NULL,
    -- waiting, sending, accepted, delivered, unknown, held
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_ms BIGINT NOT NULL,
    -- Who sends it now, and until when; a number that only grows keeps a late writer out.
    fence BIGINT NOT NULL DEFAULT 0,
    lease_until_ms BIGINT,
    platform_id TEXT,
    platform_status TEXT,
    cause_code TEXT,
    cause TEXT,
    created_ms BIGINT NOT NULL,
    settled_ms BIGINT
);
CREATE INDEX delivery_due ON delivery (destination, state, next_ms) WHERE settled_ms IS NULL;
CREATE INDEX delivery_of_batch ON delivery (batch_id);
CREATE INDEX delivery_of_resident ON delivery (resident_id);

-- The intent before each send and what came of it.
CREATE TABLE delivery_attempt (
    delivery_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    intent_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    outcome TEXT,
    cause TEXT,
    PRIMARY KEY (delivery_id, attempt)
);

-- Each slot of a schedule, once, whichever node fires it.
CREATE TABLE schedule_slot (
    job TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    fired_ms BIGINT NOT NULL,
    PRIMARY KEY (job, slot_ms)
);
