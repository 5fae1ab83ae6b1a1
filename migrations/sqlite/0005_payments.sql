-- What payment links are sealed with. Made once, beside the mark; whoever has it can write links.
ALTER TABLE hub ADD COLUMN link_key TEXT;
-- Until then a payment may turn up on the platform that we do not know of: an attempt to make one went
-- unanswered, and another was allowed when the platform knew of none.
ALTER TABLE delivery ADD COLUMN doubt_until_ms BIGINT;
