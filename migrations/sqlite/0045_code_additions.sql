-- Codes that were added at the screens: they count once a second person has said yes, until their file has them.
CREATE TABLE code_addition (
    id INTEGER PRIMARY KEY,
    -- As mappings name it: codes/account_status.csv
    list TEXT NOT NULL,
    code TEXT NOT NULL,
    value TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    why TEXT NOT NULL,
    asked_ms BIGINT NOT NULL,
    -- What it would do to what waits: JSON; null until it was looked at.
    impact TEXT,
    decided_by TEXT,
    decided_why TEXT,
    decided_ms BIGINT,
    taken BOOLEAN NOT NULL,
    -- List and code while it waits or counts, so that nobody asks for the same twice; null once it was refused.
    standing TEXT UNIQUE
);
