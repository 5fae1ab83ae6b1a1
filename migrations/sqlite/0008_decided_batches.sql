-- What a person decided about a batch that was held whole: `accepted`, so that the same content is taken
-- when it comes again, or `refused`. With who it was, why, and when.
ALTER TABLE batch ADD COLUMN decided_as TEXT;
ALTER TABLE batch ADD COLUMN decided_by TEXT;
ALTER TABLE batch ADD COLUMN decided_why TEXT;
ALTER TABLE batch ADD COLUMN decided_ms BIGINT;
