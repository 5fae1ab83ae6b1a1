-- What a delivery brings is written once; its row is written anew with each outcome, and was carried along each time.
-- Nobody makes one while they are copied.
LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE;
CREATE TABLE delivery_message (
    delivery_id BIGINT PRIMARY KEY,
    -- JSON
    message TEXT NOT NULL
);
INSERT INTO delivery_message (delivery_id, message) SELECT id, message FROM delivery ORDER BY id;
-- A payment stands behind nobody, and nothing else does: it is told by that.
UPDATE delivery SET in_line = 0 WHERE in_line <> 0 AND message LIKE '{"amount_pence":%';
DROP INDEX delivery_paid;
CREATE INDEX delivery_paid ON delivery (platform_id) WHERE state = 'delivered' AND in_line = 0;
ALTER TABLE delivery DROP COLUMN message;
