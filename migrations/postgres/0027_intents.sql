-- What a sender has in hand, one row for each batch of it: written before the first of them is sent, on disk
-- before that, and gone in the commit that writes what became of them. The rows of the deliveries stay as
-- they are meanwhile, and say `waiting`: a row as wide as a delivery's is written once, with its outcome.
CREATE TABLE delivery_intent (
    destination TEXT NOT NULL,
    -- The sender's lease, and its batch.
    fence BIGINT NOT NULL,
    number BIGINT NOT NULL,
    intent_ms BIGINT NOT NULL,
    -- The deliveries' numbers, a list in JSON.
    ids TEXT NOT NULL,
    PRIMARY KEY (destination, fence, number)
);

-- Whoever was sending by the old way is asked after.
INSERT INTO delivery_attempt (delivery_id, attempt, intent_ms, ended_ms, outcome, cause)
    SELECT id, intents, since_ms, since_ms, 'interrupted', 'its sender stopped before it knew'
    FROM delivery WHERE state = 'sending'
    ON CONFLICT (delivery_id, attempt) DO NOTHING;
UPDATE delivery SET state = 'unknown', fence = fence + 1, attempts = attempts - 1, next_ms = since_ms
    WHERE state = 'sending';

-- The state comes first: a question that names a resident and a destination, and no state, is not for these.
-- Of a table just filled the planner knows nothing else, and read them whole for each resident.
DROP INDEX delivery_due;
CREATE INDEX delivery_due ON delivery (state, destination, next_ms, id) WHERE settled_ms IS NULL;
DROP INDEX delivery_urgent;
CREATE INDEX delivery_urgent ON delivery (state, destination, next_ms, id)
    WHERE urgent AND settled_ms IS NULL;

-- Who stands before whom is told by the number, in the index.
DROP INDEX delivery_of_resident;
CREATE INDEX delivery_of_resident ON delivery (resident_id, settled_ms, id);

-- Every outcome writes its delivery's row anew, and with it an entry of each index. The batch's deliveries
-- lie together, and few ask for them.
DROP INDEX delivery_of_batch;
CREATE INDEX delivery_of_batch ON delivery USING brin (batch_id);
-- A reference is this hub's mark and the delivery's number, which is unique, and is found by that.
ALTER TABLE delivery DROP CONSTRAINT delivery_reference_key;
