-- Keys of the API. Of a key itself a digest is kept, and nothing else.
CREATE TABLE api_key (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    environment TEXT NOT NULL,
    -- SHA-256 of the whole key, hexadecimal.
    digest TEXT NOT NULL,
    -- `read,act`
    scopes TEXT NOT NULL,
    -- From where it may be shown: `10.1.0.0/16,…`; empty: from anywhere.
    networks TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);
