-- What people decided about who is who, and how it stood before, so that it can be undone.
CREATE TABLE identity_act (
    id INTEGER PRIMARY KEY,
    -- merge, split
    kind TEXT NOT NULL,
    -- The resident that stayed, and the one that went into it or came out of it.
    resident_id BIGINT NOT NULL,
    other_id BIGINT NOT NULL,
    -- Both residents' rows and the numbers of their parties.
    before TEXT NOT NULL,
    -- The version that the act left the resident at.
    version BIGINT NOT NULL,
    acted_by TEXT NOT NULL,
    why TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    undone_ms BIGINT
);
CREATE INDEX identity_act_of ON identity_act (resident_id);
