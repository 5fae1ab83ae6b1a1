-- What records mean: accounts, the parties they name, residents, and what became different.

-- Facts of an account, as its last good record states them. The id is that of its source key.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Provenance of every fact here: the record, the mapping version, the time.
    record_id BIGINT NOT NULL,
    mapping_version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    facts TEXT NOT NULL,
    issues TEXT
);

-- One person as one record names them, with the role on the account.
CREATE TABLE party (
    id INTEGER PRIMARY KEY,
    source_key_id BIGINT NOT NULL,
    resident_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    role TEXT NOT NULL,
    record_id BIGINT NOT NULL,
    mapping_version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    facts TEXT NOT NULL,
    issues TEXT,
    -- The digests by which this party can be found; eight bytes each.
    match_keys BLOB
);
CREATE INDEX party_of_key ON party (source_key_id);
CREATE INDEX party_of_resident ON party (resident_id);

-- Which parties share a key that may make them one resident. Written in sorted runs; parties above
-- `match_index.indexed_to` are not in it yet, and are found through `party.match_keys`.
CREATE TABLE match_key (
    digest BIGINT NOT NULL,
    party_id BIGINT NOT NULL,
    PRIMARY KEY (digest, party_id)
) WITHOUT ROWID;
CREATE TABLE match_index (
    id INTEGER PRIMARY KEY,
    indexed_to BIGINT NOT NULL
);
INSERT INTO match_index (id, indexed_to) VALUES (1, 0);

CREATE TABLE resident (
    id INTEGER PRIMARY KEY,
    -- Grows with each change, so that a stale view can be told.
    version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    facts TEXT NOT NULL,
    -- Which party each group of fields comes from; null while there is only one party.
    provenance TEXT
);

CREATE TABLE change_event (
    id INTEGER PRIMARY KEY,
    batch_id BIGINT NOT NULL,
    -- Because of which record.
    record_id BIGINT NOT NULL,
    -- account or resident
    subject TEXT NOT NULL,
    subject_id BIGINT NOT NULL,
    -- created, changed, gone, returned
    kind TEXT NOT NULL,
    -- Field by field, what was and what is.
    changes TEXT,
    at_ms BIGINT NOT NULL
);

-- Collection stops, or contact stops, from one time to another.
CREATE TABLE hold (
    id INTEGER PRIMARY KEY,
    resident_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT,
    lifted_ms BIGINT
);
CREATE INDEX hold_of_resident ON hold (resident_id);
