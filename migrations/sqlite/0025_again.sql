-- Deliveries that are another one once more, what a bulk action made, and holds that come by a feed.

-- The delivery in whose place it was made, or that it repeats.
ALTER TABLE delivery ADD COLUMN again_of BIGINT;
CREATE INDEX delivery_again_of ON delivery (again_of) WHERE again_of IS NOT NULL;
-- The delivery that the item's turn made.
ALTER TABLE bulk_item ADD COLUMN made_id BIGINT;
-- The highest number that a bulk action gave to a delivery. Whoever resolves records gives higher ones,
-- so that what is made later is later in its resident's line.
ALTER TABLE hub ADD COLUMN made_to BIGINT NOT NULL DEFAULT 0;

-- The records by which a feed brings a hold, and what each says: several may bring one, such as a row for
-- each debt. It is over when all of them say so.
CREATE TABLE hold_record (
    hold_id BIGINT NOT NULL,
    source_key_id BIGINT NOT NULL,
    from_ms BIGINT NOT NULL,
    until_ms BIGINT,
    lifted BOOLEAN NOT NULL,
    PRIMARY KEY (hold_id, source_key_id)
);
CREATE INDEX hold_record_of_key ON hold_record (source_key_id);
