-- What somebody decided of the resident who was the other.
CREATE INDEX identity_act_other ON identity_act (other_id);
