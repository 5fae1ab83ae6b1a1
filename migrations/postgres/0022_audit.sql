-- Who changed what, when and why. Each line carries a digest of itself and of the line before, so that one
-- that is altered, removed or put elsewhere shows.
CREATE TABLE audit (
    -- 1, 2, 3 … without a gap.
    id BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    -- `user:kim`, `key:NAME`, `hub`
    actor TEXT NOT NULL,
    -- `accepted`, `begun`, `lifted` …
    action TEXT NOT NULL,
    -- What it was done to: `batch 10002`.
    target TEXT NOT NULL,
    reason TEXT,
    -- Counts and words, never a resident's data: JSON.
    details TEXT,
    -- SHA-256 of the line before and of this one, hexadecimal.
    digest TEXT NOT NULL
);
CREATE INDEX audit_of_target ON audit (target, id);
-- The last line, so that the end cannot be cut off unseen.
CREATE TABLE audit_end (
    id BIGINT PRIMARY KEY,
    last BIGINT NOT NULL,
    digest TEXT NOT NULL
);
INSERT INTO audit_end (id, last, digest) VALUES (1, 0, '');
