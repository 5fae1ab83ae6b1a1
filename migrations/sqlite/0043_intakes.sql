-- A call is put into this index when it is put together with others, and not when it comes.
DROP INDEX inbox_post_intake;
CREATE INDEX inbox_post_intake ON inbox_post (intake_id, id) WHERE intake_id IS NOT NULL AND taken_ms IS NULL;
