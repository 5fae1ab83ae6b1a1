-- Who works here: each says so of itself with every beat, and is gone when it ends as it should.
CREATE TABLE node (
    -- Machine, process and when that began, as leases name their holder.
    name TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    -- Where it answers.
    address TEXT NOT NULL,
    began_ms BIGINT NOT NULL,
    -- Its last beat, by its own clock and by the database's: what they are apart is how far its clock is off.
    beat_ms BIGINT NOT NULL,
    heard_ms BIGINT NOT NULL
);

-- The node that fired a slot of a schedule, and the one that works on a bulk action.
ALTER TABLE schedule_slot ADD COLUMN fired_by TEXT;
ALTER TABLE bulk ADD COLUMN worked_by TEXT;

-- What left for each destination, counted by stretches of five minutes where the outcomes are written. Kept for two
-- days: a picture is made of it, and nothing else.
CREATE TABLE traffic (
    slot_ms BIGINT NOT NULL,
    destination TEXT NOT NULL,
    -- Taken by the system; tries that came to nothing; set aside for a person.
    sent BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    held BIGINT NOT NULL,
    -- The longest that one which was due had waited, as it was seen now and then.
    oldest_ms BIGINT NOT NULL,
    PRIMARY KEY (slot_ms, destination)
) WITHOUT ROWID;
