-- When a hold was last lifted, or its days made fewer: a message that was being judged at that moment may have been kept
-- back after it. Its end alone does not tell: one that is lifted and goes on for some days ends later.
ALTER TABLE hold ADD COLUMN shortened_ms BIGINT;
