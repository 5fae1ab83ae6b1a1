-- "Why did you write to me?": what changed about a resident and their accounts, in order.
CREATE INDEX change_event_of_subject ON change_event (subject_id, id);
