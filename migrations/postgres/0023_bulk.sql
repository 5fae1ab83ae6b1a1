-- Bulk actions: what a person has done to a set of held deliveries that was fixed when it was asked for.
CREATE TABLE bulk (
    id BIGINT PRIMARY KEY,
    -- release or dismiss
    action TEXT NOT NULL,
    -- The words that chose the set.
    chosen TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- running, paused, done
    state TEXT NOT NULL,
    items BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    -- When it last moved on: one that stands still is taken up by somebody else.
    moved_ms BIGINT NOT NULL,
    ended_ms BIGINT
);
CREATE TABLE bulk_item (
    bulk_id BIGINT NOT NULL,
    -- Its turn: in the order in which the deliveries were made.
    place BIGINT NOT NULL,
    delivery_id BIGINT NOT NULL,
    -- As the delivery was when the set was fixed: it is left alone if anybody had a hand on it since.
    fence BIGINT NOT NULL,
    -- waiting, offered, dismissed or left; null while it has not had its turn.
    outcome TEXT,
    why TEXT,
    done_ms BIGINT,
    PRIMARY KEY (bulk_id, place)
);
CREATE INDEX bulk_item_open ON bulk_item (bulk_id, place) WHERE outcome IS NULL;
CREATE INDEX bulk_item_of_delivery ON bulk_item (delivery_id);
