-- The record that a careful reader has in hand, and no other; 0 where it has none.
ALTER TABLE batch ADD COLUMN reading BIGINT NOT NULL DEFAULT 0;
-- The end of the chunk that a careful writer has in hand, and how many records it has.
ALTER TABLE batch ADD COLUMN writing_to BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN writing BIGINT NOT NULL DEFAULT 0;
-- Up to this record chunks have so many, since somebody died while they were written.
ALTER TABLE batch ADD COLUMN small_to BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batch ADD COLUMN small BIGINT NOT NULL DEFAULT 0;
