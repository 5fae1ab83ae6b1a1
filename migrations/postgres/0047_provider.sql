-- People who sign in with the council's own accounts: who they are is their number at the provider, in a tenant of it,
-- and never a name. Null for those who have a password here.
ALTER TABLE staff ADD COLUMN tenant TEXT;
ALTER TABLE staff ADD COLUMN person TEXT;
CREATE UNIQUE INDEX staff_person ON staff (tenant, person);

-- Sign-ins that a provider is asked about, until the browser comes back: once, and within minutes.
CREATE TABLE staff_way (
    -- SHA-256 of what stands in the browser's cookie, hexadecimal. What the provider is given is made of that too, so
    -- that nothing here opens anything.
    digest TEXT PRIMARY KEY,
    -- Where they were going.
    next TEXT NOT NULL,
    made_ms BIGINT NOT NULL
);
