-- What a delivery brings is written once; its row is written anew with each outcome, and was carried along each time.
CREATE TABLE delivery_message (
    delivery_id BIGINT PRIMARY KEY,
    -- JSON
    message TEXT NOT NULL
);
INSERT INTO delivery_message (delivery_id, message) SELECT id, message FROM delivery ORDER BY id;
-- A payment stands behind nobody, and nothing else does: it is told by that.
DROP INDEX delivery_paid;
CREATE INDEX delivery_paid ON delivery (platform_id) WHERE state = 'delivered' AND in_line = 0;
ALTER TABLE delivery DROP COLUMN message;
