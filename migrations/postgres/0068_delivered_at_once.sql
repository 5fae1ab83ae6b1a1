-- When the intent was written by whose attempt it was delivered there and then: that attempt has nothing else to say,
-- and no row of its own.
ALTER TABLE delivery ADD COLUMN intent_ms BIGINT;
