-- Bulk actions that take the word of two people: who asked for it is `actor`, with their reason; who agreed stands here.
-- Its state is `asked` in between.
ALTER TABLE bulk ADD COLUMN payments BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bulk ADD COLUMN approved_by TEXT;
ALTER TABLE bulk ADD COLUMN approved_reason TEXT;
