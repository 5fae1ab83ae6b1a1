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
    -- Since when it is in this state.
    since_ms BIGINT NOT NULL,
    -- When it is looked at again: sent, asked after, or its status read.
    next_ms BIGINT NOT NULL,
    -- Attempts that count against our patience; one that was never made is given back.
    attempts BIGINT NOT NULL DEFAULT 0,
    -- Intents written, which only grows: each is a row of delivery_attempt.
    intents BIGINT NOT NULL DEFAULT 0,
    -- Questions put to the platform in this state.
    polls BIGINT NOT NULL DEFAULT 0,
    -- Grows with each intent and each change of sender, and so keeps a late writer out. Who may send
    -- at all is a lease, one for each destination.
    fence BIGINT NOT NULL DEFAULT 0,
    platform_id TEXT,
    platform_status TEXT,
    cause_code TEXT,
    cause TEXT,
    created_ms BIGINT NOT NULL,
    settled_ms BIGINT
);
CREATE INDEX delivery_due ON delivery (destination, state, next_ms, id) WHERE settled_ms IS NULL;
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
