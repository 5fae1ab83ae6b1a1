-- A node that takes nothing new: since when, who said so and why. It looks at its own row with every beat.
ALTER TABLE node ADD COLUMN drain_ms BIGINT;
ALTER TABLE node ADD COLUMN drain_by TEXT;
ALTER TABLE node ADD COLUMN drain_why TEXT;
