-- Which parties are one resident: what they are compared by, the pairs that count, and what people said of them.

-- Names, homes and numbers of a party, folded and packed; null for one that is no person.
ALTER TABLE party ADD COLUMN profile BLOB;

-- One chunk after another: each takes the next number, and waits for the one before it.
ALTER TABLE match_index ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- The parties that a chunk wrote, eight bytes each, until their keys stand in `match_key`.
CREATE TABLE match_news (
    version INTEGER PRIMARY KEY,
    parties BLOB NOT NULL
);

-- Two parties that may be one person; each pair stands in both directions.
CREATE TABLE match_pair (
    one BIGINT NOT NULL,
    other BIGINT NOT NULL,
    -- Thousandths of a bit that speak for one person, by the weights of that version.
    bits BIGINT NOT NULL,
    -- How they agree, field by field.
    levels BIGINT NOT NULL,
    weights BIGINT NOT NULL,
    -- What a person said: 1 the same, 2 not the same; 0 nothing.
    verdict BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (one, other)
) WITHOUT ROWID;

-- The resident that this one became, where it was found to be the same person. Its number is never given again.
ALTER TABLE resident ADD COLUMN merged_into BIGINT;
