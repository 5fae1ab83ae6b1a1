-- A platform may say that something happened to a payment that was made: a second basket that was paid, a success
-- that became an error. Since when it is to be looked at once more; it stays what it is until the platform was asked.
ALTER TABLE delivery ADD COLUMN recheck_ms BIGINT;
CREATE INDEX delivery_recheck ON delivery (destination, recheck_ms) WHERE recheck_ms IS NOT NULL;
-- A hint names a payment that was made by the platform's own name for it.
CREATE INDEX delivery_paid ON delivery (platform_id) WHERE state = 'delivered' AND message LIKE '{"amount_pence":%';
