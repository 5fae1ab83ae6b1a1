-- When a person last said what became of a delivery that nobody answered: attempts before it are in doubt no more.
ALTER TABLE delivery ADD COLUMN decided_ms BIGINT;
