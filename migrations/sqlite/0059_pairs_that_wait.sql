-- Pairs of two residents of which nobody said anything: a steward's queue, found without a look at all pairs. It is noted
-- where the lower number stands first.
ALTER TABLE match_pair ADD COLUMN waits BIGINT NOT NULL DEFAULT 0;
UPDATE match_pair SET waits = 1 WHERE one < other AND verdict = 0
    AND (SELECT resident_id FROM party WHERE id = one) <> (SELECT resident_id FROM party WHERE id = other);
CREATE INDEX match_pair_waiting ON match_pair (bits DESC, one, other) WHERE waits = 1;
