-- People who sign in at the screens: who they are, what they may, and the sessions they have. Of passwords,
-- invitations and sessions digests are kept, and nothing that opens anything.
CREATE TABLE staff (
    id BIGINT PRIMARY KEY,
    -- By which they sign in, and by which the audit log names them: `kim.bramble`.
    name TEXT NOT NULL UNIQUE,
    -- `viewer,support`
    roles TEXT NOT NULL,
    -- Of which sources they see rows: `revenues,crm`; empty: of all.
    sources TEXT NOT NULL,
    -- Argon2id, as RFC 9106 writes it; null until their invitation is used.
    password TEXT,
    -- What their app makes one-time codes from, in base 32; and the step of the last that was used.
    seed TEXT,
    last_step BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    -- Grows with each change of roles, of sign-in, and with each disabling.
    version BIGINT NOT NULL,
    disabled_ms BIGINT,
    signed_in_ms BIGINT,
    -- They do not want pages to change by themselves.
    paused BOOLEAN NOT NULL
);

-- Links by which somebody sets their password, once.
CREATE TABLE staff_invite (
    -- SHA-256 of what stands in the link, hexadecimal.
    digest TEXT PRIMARY KEY,
    staff_id BIGINT NOT NULL,
    -- Shown to them, and kept once they have shown that their app makes its codes.
    seed TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    used_ms BIGINT
);
CREATE INDEX staff_invite_of ON staff_invite (staff_id);

CREATE TABLE staff_session (
    -- SHA-256 of what stands in the cookie, hexadecimal.
    digest TEXT PRIMARY KEY,
    staff_id BIGINT NOT NULL,
    -- The staff row's version at sign-in: a session of an older one is over.
    version BIGINT NOT NULL,
    -- What each form of it carries.
    token TEXT NOT NULL,
    begun_ms BIGINT NOT NULL,
    -- When its person last did something; written once a minute at most.
    seen_ms BIGINT NOT NULL,
    ended_ms BIGINT
);
CREATE INDEX staff_session_of ON staff_session (staff_id, begun_ms);

-- What somebody may see unmasked in a session, until when and why.
CREATE TABLE staff_shown (
    session TEXT NOT NULL,
    -- `work order 10007`
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (session, target)
);

-- What a search of a session found: numbers, and nothing of what was searched for.
CREATE TABLE staff_search (
    token TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    -- work orders, residents
    what TEXT NOT NULL,
    -- JSON: `[10007,10011]`
    found TEXT NOT NULL,
    made_ms BIGINT NOT NULL
);
CREATE INDEX staff_search_of ON staff_search (session);
