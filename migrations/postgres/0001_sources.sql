-- Where records come from: sources, the batches they arrive in, and every record as it was given.

CREATE TABLE hub (
    id BIGINT PRIMARY KEY,
    -- Begins every reference we give a platform, so that two hubs never share one.
    mark TEXT NOT NULL
);

-- Identifiers are handed out in blocks, ascending, and never twice.
CREATE TABLE id_block (
    name TEXT PRIMARY KEY,
    next BIGINT NOT NULL
);

-- Who may work on what: one holder until a time, with a number that only grows.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);

CREATE TABLE source (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- Records are kept compressed with a dictionary trained on their source's own first records.
CREATE TABLE dictionary (
    id BIGINT PRIMARY KEY,
    source_id BIGINT NOT NULL,
    bytes BYTEA NOT NULL
);

CREATE TABLE batch (
    id BIGINT PRIMARY KEY,
    source_id BIGINT NOT NULL,
    job TEXT NOT NULL,
    -- The file or call it came from, and what tells a second copy of it.
    origin TEXT NOT NULL,
    origin_mark TEXT NOT NULL,
    content_digest TEXT,
    -- reading, held, abandoned, duplicate, released, closed
    state TEXT NOT NULL,
    cause_code TEXT,
    cause TEXT,
    mapping TEXT NOT NULL,
    mapping_version BIGINT NOT NULL,
    sends BOOLEAN NOT NULL,
    rows_in BIGINT NOT NULL DEFAULT 0,
    published BIGINT NOT NULL DEFAULT 0,
    unchanged BIGINT NOT NULL DEFAULT 0,
    held BIGINT NOT NULL DEFAULT 0,
    filtered BIGINT NOT NULL DEFAULT 0,
    records_new BIGINT NOT NULL DEFAULT 0,
    records_changed BIGINT NOT NULL DEFAULT 0,
    records_unchanged BIGINT NOT NULL DEFAULT 0,
    records_gone BIGINT NOT NULL DEFAULT 0,
    residents_created BIGINT NOT NULL DEFAULT 0,
    residents_changed BIGINT NOT NULL DEFAULT 0,
    changes BIGINT NOT NULL DEFAULT 0,
    -- Staged records up to this one are resolved.
    resolved_to BIGINT NOT NULL DEFAULT 0,
    last_record BIGINT NOT NULL DEFAULT 0,
    started_ms BIGINT NOT NULL,
    released_ms BIGINT,
    closed_ms BIGINT
);
CREATE INDEX batch_of_source ON batch (source_id, id);

-- Every record as it was given, each version of it. One with an id above its batch's `resolved_to` waits.
CREATE TABLE source_record (
    id BIGINT PRIMARY KEY,
    batch_id BIGINT NOT NULL,
    -- 0 where the row has no key of its own: it is held.
    source_key_id BIGINT NOT NULL,
    -- 0 unreadable, 1 new, 2 changed
    change BIGINT NOT NULL,
    key TEXT NOT NULL,
    key_digest BIGINT NOT NULL,
    digest BIGINT NOT NULL,
    dictionary_id BIGINT NOT NULL,
    payload BYTEA NOT NULL
);

-- What a source knows something by, and what it said last.
CREATE TABLE source_key (
    id BIGINT PRIMARY KEY,
    source_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    key_digest BIGINT NOT NULL,
    digest BIGINT NOT NULL,
    record_id BIGINT NOT NULL,
    gone_ms BIGINT,
    gone_batch BIGINT
);
CREATE UNIQUE INDEX source_key_once ON source_key (source_id, key);
CREATE INDEX source_key_gone ON source_key (gone_batch) WHERE gone_batch IS NOT NULL;

-- Work that stopped, why, and how to find it again. Screens call it "held".
CREATE TABLE dead_letter (
    id BIGINT PRIMARY KEY,
    batch_id BIGINT NOT NULL,
    record_id BIGINT NOT NULL,
    source_key_id BIGINT NOT NULL,
    stage TEXT NOT NULL,
    code TEXT NOT NULL,
    field TEXT,
    cause TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    settled_ms BIGINT
);
CREATE INDEX dead_letter_open ON dead_letter (code, id) WHERE settled_ms IS NULL;
CREATE INDEX dead_letter_of_key ON dead_letter (source_key_id) WHERE settled_ms IS NULL;
