-- How a held row was settled: published, filtered, superseded by a newer record, or gone at its source.
ALTER TABLE dead_letter ADD COLUMN settled_as TEXT;
