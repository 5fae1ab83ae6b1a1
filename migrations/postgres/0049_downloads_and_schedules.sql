-- Lists that somebody had made into a file: kept for a day, for them alone. Values in it are masked as on the pages.
CREATE TABLE download (
    id BIGINT PRIMARY KEY,
    staff_id BIGINT NOT NULL,
    -- work-orders, messages, causes, audit
    what TEXT NOT NULL,
    -- As it stands in an address: `state=held&source=revenues`.
    filter TEXT NOT NULL,
    -- What the file is called.
    name TEXT NOT NULL,
    -- making, ready, failed
    state TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    -- There was more than a file has.
    is_cut BOOLEAN NOT NULL,
    -- CSV, once it is ready.
    content TEXT,
    made_ms BIGINT NOT NULL
);
CREATE INDEX download_of ON download (staff_id, made_ms);

-- Jobs whose schedule stands still: who had it stop, and why.
CREATE TABLE job_pause (
    job TEXT PRIMARY KEY,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_ms BIGINT NOT NULL
);
-- Why a slot was passed over, where it was: `paused`, `skipped`. Null where it was run.
ALTER TABLE schedule_slot ADD COLUMN why TEXT;
