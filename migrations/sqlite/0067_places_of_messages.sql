-- Of which batch a delivery is and to whom never changes by an outcome, and each outcome wrote its places in both of
-- those indexes anew: they stand with the message now. Of the deliveries' own rows those are found by their resident that
-- are not settled.
CREATE TABLE message (
    delivery_id INTEGER PRIMARY KEY,
    batch_id BIGINT NOT NULL,
    -- As the delivery's own: both are written together where residents are merged or parted.
    resident_id BIGINT NOT NULL,
    -- JSON
    message TEXT NOT NULL
);
INSERT INTO message (delivery_id, batch_id, resident_id, message)
SELECT d.id, d.batch_id, d.resident_id, COALESCE(m.message, '')
FROM delivery d LEFT JOIN delivery_message m ON m.delivery_id = d.id ORDER BY d.id;
DROP TABLE delivery_message;
ALTER TABLE message RENAME TO delivery_message;
CREATE INDEX delivery_message_of_batch ON delivery_message (batch_id, delivery_id);
CREATE INDEX delivery_message_of_resident ON delivery_message (resident_id, delivery_id);
DROP INDEX delivery_of_batch;
DROP INDEX delivery_of_resident;
CREATE INDEX delivery_line ON delivery (resident_id, id) WHERE settled_ms IS NULL;
