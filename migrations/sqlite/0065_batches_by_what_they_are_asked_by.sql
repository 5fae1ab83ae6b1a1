-- Each extract asks whether its file, its content or its name was there before, and what a stop left half done: of a
-- source that is asked each half minute that was a look at a million batches after a year.
CREATE INDEX batch_of_mark ON batch (source_id, origin_mark, id);
CREATE INDEX batch_of_content ON batch (source_id, content_digest, id) WHERE content_digest IS NOT NULL;
CREATE INDEX batch_of_name ON batch (source_id, origin, id);
CREATE INDEX batch_unfinished ON batch (source_id, id, job) WHERE state IN ('reading', 'released');
