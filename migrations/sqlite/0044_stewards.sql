-- What stewards do with a pair that waits: somebody has it before them, or nobody can tell.
CREATE TABLE match_desk (
    -- Two parties, the lower number first.
    one BIGINT NOT NULL,
    other BIGINT NOT NULL,
    -- Who looks at it, until when: it is given to nobody else until then.
    taken_by TEXT,
    taken_until_ms BIGINT,
    -- How sure the weights were when it was set aside: it is asked again when they are otherwise.
    aside_bits BIGINT,
    aside_by TEXT,
    aside_why TEXT,
    aside_ms BIGINT,
    PRIMARY KEY (one, other)
) WITHOUT ROWID;

-- The numbers that lead to a resident: few, and asked for by each merge and each record that is opened.
CREATE INDEX resident_merged ON resident (merged_into) WHERE merged_into IS NOT NULL;
