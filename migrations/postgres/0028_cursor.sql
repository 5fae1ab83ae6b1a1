-- How far a system that is asked has told us, in its own words: the next question begins there.
ALTER TABLE batch ADD COLUMN cursor TEXT;
CREATE INDEX batch_cursor ON batch (source_id, id) WHERE cursor IS NOT NULL;
