-- Deliveries that are another one once more, what a bulk action made, and holds that come by a feed.

-- The delivery in whose place it was made, or that it repeats.
ALTER TABLE delivery ADD COLUMN again_of BIGINT;
CREATE INDEX delivery_again_of ON delivery (again_of) WHERE again_of IS NOT NULL;
-- The delivery that the item's turn made.
ALTER TABLE bulk_item ADD COLUMN made_id BIGINT;
-- The highest number that a bulk action gave to a delivery. Whoever resolves records gives higher ones,
-- so that what is made later is later in its resident's line.
ALTER TABLE hub ADD COLUMN made_to BIGINT NOT NULL DEFAULT 0;

-- The record by which a hold came, where a feed brought it.
ALTER TABLE hold ADD COLUMN source_key_id BIGINT;
CREATE INDEX hold_of_key ON hold (source_key_id) WHERE source_key_id IS NOT NULL;
