-- Holds: whom they name, which debts they cover, and who put them there and why.

-- `resident_id` is 0 where the person is named otherwise: then `hold_party` says who that is.
-- Whom it names, as JSON: by NINO and birth date, by a record's key, by an account, or by number.
ALTER TABLE hold ADD COLUMN who TEXT;
-- What whoever asked for it knows it by.
ALTER TABLE hold ADD COLUMN reference TEXT;
-- By which way it came: command, import, api, or the name of a source.
ALTER TABLE hold ADD COLUMN door TEXT;
ALTER TABLE hold ADD COLUMN added_by TEXT;
ALTER TABLE hold ADD COLUMN added_ms BIGINT;
ALTER TABLE hold ADD COLUMN lifted_by TEXT;
ALTER TABLE hold ADD COLUMN lift_reason TEXT;
CREATE UNIQUE INDEX hold_once ON hold (kind, reference, who);

-- The parties that a hold names. A resident is held while any party of theirs is, whoever they are
-- linked with later.
CREATE TABLE hold_party (
    hold_id BIGINT NOT NULL,
    party_id BIGINT NOT NULL,
    PRIMARY KEY (hold_id, party_id)
);
CREATE INDEX hold_party_of_party ON hold_party (party_id);

-- The debts that a hold covers; all of them where there is no row. An account of 0 is not known yet.
CREATE TABLE hold_debt (
    hold_id BIGINT NOT NULL,
    reference TEXT NOT NULL,
    account_id BIGINT NOT NULL,
    PRIMARY KEY (hold_id, reference, account_id)
);

-- What the gate asks of a delivery: whether it is collection, and of which account. What was made
-- before this was known counts as collection.
ALTER TABLE delivery ADD COLUMN collection BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE delivery ADD COLUMN account_id BIGINT;
-- Deliveries that a hold withheld, to be judged again when it is lifted.
CREATE INDEX delivery_withheld ON delivery (resident_id) WHERE cause_code = 'suppressed.hold';
