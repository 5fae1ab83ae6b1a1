-- How lists are cut by the source and by the day. Batches by when they were received, of all sources and of one.
CREATE INDEX batch_received ON batch (started_ms, id);
CREATE INDEX batch_of_source_received ON batch (source_id, started_ms, id);
-- Those that wait are few, however many there were.
CREATE INDEX batch_waiting ON batch (started_ms, id) WHERE state = 'released';
-- The newest of a job, and those that were held whole, which the first page asks for.
CREATE INDEX batch_of_job ON batch (job, id);
CREATE INDEX batch_held ON batch (id) WHERE state = 'held';
-- Held rows of one code, batch by batch.
CREATE INDEX dead_letter_listed ON dead_letter (code, batch_id, record_id) WHERE settled_ms IS NULL;
-- Deliveries that a person looks for, batch by batch.
CREATE INDEX delivery_stuck_of_batch ON delivery (state, batch_id, id, cause_code, destination)
    WHERE state IN ('held', 'unknown', 'dismissed', 'replaced');
