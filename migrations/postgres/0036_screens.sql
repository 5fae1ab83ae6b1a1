-- What the screens look for. Each holds only what waits for somebody, so that what goes its way pays nothing.
-- Held rows of a batch, and of a source by its batches.
CREATE INDEX dead_letter_of_batch ON dead_letter (batch_id, record_id) WHERE settled_ms IS NULL;
-- Whether a record of a list is held, and why.
CREATE INDEX dead_letter_of_record ON dead_letter (record_id) WHERE settled_ms IS NULL;
-- Held rows counted by what is the matter: all that is asked of them stands here.
CREATE INDEX dead_letter_causes ON dead_letter (code, batch_id, stage, field, created_ms)
    WHERE settled_ms IS NULL;
-- Deliveries that a person looks for, the newest first.
CREATE INDEX delivery_stuck ON delivery (state, id, cause_code, destination)
    WHERE state IN ('held', 'unknown', 'dismissed', 'replaced');
-- Held deliveries counted by what is the matter.
CREATE INDEX delivery_causes ON delivery (cause_code, destination, mapping, since_ms)
    WHERE state = 'held';
-- A batch's deliveries in their order, which PostgreSQL would sort otherwise.
DROP INDEX delivery_of_batch;
CREATE INDEX delivery_of_batch ON delivery (batch_id, id);
