-- Of which batch a delivery is and to whom never changes by an outcome, and each outcome wrote its places in both of
-- those indexes anew: they stand with the message now. Of the deliveries' own rows those are found by their resident that
-- are not settled.
-- Nobody makes one while they are copied.
LOCK TABLE delivery, delivery_message IN ACCESS EXCLUSIVE MODE;
ALTER TABLE delivery_message RENAME TO message_before;
CREATE TABLE delivery_message (
    delivery_id BIGINT NOT NULL,
    batch_id BIGINT NOT NULL,
    -- As the delivery's own: both are written together where residents are merged or parted.
    resident_id BIGINT NOT NULL,
    -- JSON
    message TEXT NOT NULL
);
INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message)
SELECT d.id, d.batch_id, d.resident_id, COALESCE(m.message, '')
FROM delivery d LEFT JOIN message_before m ON m.delivery_id = d.id ORDER BY d.id;
DROP TABLE message_before;
ALTER TABLE delivery_message ADD CONSTRAINT delivery_message_pkey PRIMARY KEY (delivery_id);
CREATE INDEX delivery_message_of_batch ON delivery_message (batch_id, delivery_id);
CREATE INDEX delivery_message_of_resident ON delivery_message (resident_id, delivery_id);
DROP INDEX delivery_of_batch;
DROP INDEX delivery_of_resident;
CREATE INDEX delivery_line ON delivery (resident_id, id) WHERE settled_ms IS NULL;
