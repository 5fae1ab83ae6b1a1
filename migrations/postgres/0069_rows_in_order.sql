-- With each outcome PostgreSQL looks whether a column of any index has changed, and goes through the row from its
-- beginning for each of them that stands behind one of changing length: those columns stand first now, and of them those
-- of one length.
-- Nobody makes one while they are copied.
LOCK TABLE delivery, delivery_intent IN ACCESS EXCLUSIVE MODE;
CREATE TABLE delivery_in_order (
    id BIGINT NOT NULL,
    resident_id BIGINT NOT NULL,
    batch_id BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    next_ms BIGINT NOT NULL,
    in_line BIGINT NOT NULL DEFAULT 1,
    crashes BIGINT NOT NULL DEFAULT 0,
    urgent BOOLEAN NOT NULL DEFAULT FALSE,
    state TEXT NOT NULL,
    destination TEXT NOT NULL,
    mapping TEXT NOT NULL,
    settled_ms BIGINT,
    platform_id TEXT,
    cause_code TEXT,
    recheck_ms BIGINT,
    again_of BIGINT,
    fence BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    intents BIGINT NOT NULL DEFAULT 0,
    polls BIGINT NOT NULL DEFAULT 0,
    needs_consent BOOLEAN NOT NULL,
    collection BOOLEAN NOT NULL DEFAULT TRUE,
    newest_only BOOLEAN NOT NULL DEFAULT FALSE,
    parted BOOLEAN NOT NULL DEFAULT FALSE,
    purpose TEXT NOT NULL,
    reference TEXT NOT NULL,
    account_id BIGINT,
    doubt_until_ms BIGINT,
    decided_ms BIGINT,
    intent_ms BIGINT,
    cause TEXT,
    platform_status TEXT,
    created_ms BIGINT NOT NULL,
    -- 0 where it tells of an account that is gone.
    change_event_id BIGINT NOT NULL,
    subject_id BIGINT NOT NULL DEFAULT 0,
    mapping_version BIGINT NOT NULL
);
INSERT INTO delivery_in_order (
    id, resident_id, batch_id, since_ms, next_ms, in_line, crashes, urgent, state, destination, mapping,
    settled_ms, platform_id, cause_code, recheck_ms, again_of, fence, attempts, intents, polls, needs_consent,
    collection, newest_only, parted, purpose, reference, account_id, doubt_until_ms, decided_ms, intent_ms,
    cause, platform_status, created_ms, change_event_id, subject_id, mapping_version
)
SELECT
    id, resident_id, batch_id, since_ms, next_ms, in_line, crashes, urgent, state, destination, mapping,
    settled_ms, platform_id, cause_code, recheck_ms, again_of, fence, attempts, intents, polls, needs_consent,
    collection, newest_only, parted, purpose, reference, account_id, doubt_until_ms, decided_ms, intent_ms,
    cause, platform_status, created_ms, change_event_id, subject_id, mapping_version
FROM delivery ORDER BY id;
DROP TABLE delivery;
ALTER TABLE delivery_in_order RENAME TO delivery;
-- An outcome writes each row's place in it once more, beside the one before: there is room for it, where a page that is
-- full would be looked through and parted.
ALTER TABLE delivery ADD CONSTRAINT delivery_pkey PRIMARY KEY (id) WITH (fillfactor = 45);
CREATE INDEX delivery_due ON delivery (state, destination, next_ms, id) WHERE settled_ms IS NULL;
CREATE INDEX delivery_urgent ON delivery (state, destination, next_ms, id) WHERE urgent AND settled_ms IS NULL;
CREATE INDEX delivery_line ON delivery (resident_id, id) WHERE settled_ms IS NULL;
CREATE INDEX delivery_crashed ON delivery (destination, state, crashes) WHERE crashes > 0 AND settled_ms IS NULL;
CREATE INDEX delivery_hinted ON delivery (platform_id) WHERE settled_ms IS NULL AND platform_id IS NOT NULL;
CREATE INDEX delivery_withheld ON delivery (resident_id) WHERE cause_code = 'suppressed.hold';
CREATE INDEX delivery_lately_withheld ON delivery (since_ms)
    WHERE state = 'held' AND cause_code = 'suppressed.hold' AND settled_ms IS NULL;
CREATE INDEX delivery_paid ON delivery (platform_id) WHERE state = 'delivered' AND in_line = 0;
CREATE INDEX delivery_recheck ON delivery (destination, recheck_ms) WHERE recheck_ms IS NOT NULL;
CREATE INDEX delivery_again_of ON delivery (again_of) WHERE again_of IS NOT NULL;
CREATE INDEX delivery_causes ON delivery (cause_code, destination, mapping, since_ms) WHERE state = 'held';
CREATE INDEX delivery_stuck ON delivery (state, id, cause_code, destination)
    WHERE state IN ('held', 'unknown', 'dismissed', 'replaced');
CREATE INDEX delivery_stuck_of_batch ON delivery (state, batch_id, id, cause_code, destination)
    WHERE state IN ('held', 'unknown', 'dismissed', 'replaced');
-- What is in hand is asked for with each claim: its numbers are kept as numbers, and are not packed, which costs more
-- than to write them.
ALTER TABLE delivery_intent ALTER COLUMN ids TYPE BIGINT[] USING CAST(translate(ids, '[]', '{}') AS BIGINT[]);
ALTER TABLE delivery_intent ALTER COLUMN ids SET STORAGE EXTERNAL;
