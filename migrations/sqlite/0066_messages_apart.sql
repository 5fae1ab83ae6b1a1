-- What a delivery brings is written once; its row is written anew with each outcome, and was carried along each time.
CREATE TABLE delivery_message (
    delivery_id INTEGER PRIMARY KEY,
    -- JSON
    message TEXT NOT NULL
);
INSERT INTO delivery_message (delivery_id, message) SELECT id, message FROM delivery ORDER BY id;
-- A payment stands behind nobody, and nothing else does: it is told by that.
UPDATE delivery SET in_line = 0 WHERE in_line <> 0 AND message LIKE '{"amount_pence":%';
DROP INDEX delivery_paid;
CREATE INDEX delivery_paid ON delivery (platform_id) WHERE state = 'delivered' AND in_line = 0;
ALTER TABLE delivery DROP COLUMN message;
-- An attempt is one line in one place, and not one there and one in an index that leads to it.
CREATE TABLE attempt (
    delivery_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    intent_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    outcome TEXT,
    cause TEXT,
    PRIMARY KEY (delivery_id, attempt)
) WITHOUT ROWID;
INSERT INTO attempt (delivery_id, attempt, intent_ms, ended_ms, outcome, cause)
SELECT delivery_id, attempt, intent_ms, ended_ms, outcome, cause FROM delivery_attempt ORDER BY delivery_id, attempt;
DROP TABLE delivery_attempt;
ALTER TABLE attempt RENAME TO delivery_attempt;
