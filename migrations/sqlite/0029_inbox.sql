-- Calls of systems that push to us, from the moment that they are answered until a job has read them. The
-- names stay for a while after that: who calls once more with one is told the same.
CREATE TABLE inbox_post (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The connector.
    source TEXT NOT NULL,
    -- Whose names these are: a key of the API, or whoever signs.
    sender TEXT NOT NULL,
    name TEXT NOT NULL,
    -- SHA-256 of the body as it came.
    digest BLOB NOT NULL,
    records BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    -- Nothing any more once it was read, and nothing at all of a hint.
    body BLOB,
    -- Eight bytes for each record: no key twice in what is read together.
    key_digests BLOB,
    -- What its caller was told of each record, as JSON.
    told TEXT NOT NULL,
    received_ms BIGINT NOT NULL,
    -- What is read together: the number of its first call.
    intake_id BIGINT,
    -- It was held whole, and is read again then.
    again_ms BIGINT,
    taken_ms BIGINT
);
CREATE UNIQUE INDEX inbox_post_name ON inbox_post (source, sender, name);
CREATE INDEX inbox_post_waiting ON inbox_post (source, id) WHERE taken_ms IS NULL;
CREATE INDEX inbox_post_intake ON inbox_post (intake_id, id) WHERE taken_ms IS NULL;
CREATE INDEX inbox_post_taken ON inbox_post (taken_ms) WHERE taken_ms IS NOT NULL;
-- A platform's hint names a delivery by its own name for it.
CREATE INDEX delivery_hinted ON delivery (platform_id) WHERE settled_ms IS NULL AND platform_id IS NOT NULL;
