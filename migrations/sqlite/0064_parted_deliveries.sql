-- It was composed while two people were taken for one, and was on its way when they were parted: where it would wait
-- again, it is held.
ALTER TABLE delivery ADD COLUMN parted BOOLEAN NOT NULL DEFAULT FALSE;
