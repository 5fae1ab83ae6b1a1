-- A hold that was put down by the number of somebody who had become another by then held nobody: it is theirs.
UPDATE hold SET resident_id = (SELECT r.merged_into FROM resident r WHERE r.id = hold.resident_id)
    WHERE resident_id IN (SELECT id FROM resident WHERE merged_into IS NOT NULL);
INSERT INTO hold_party (hold_id, party_id)
    SELECT h.id, p.id FROM hold h JOIN party p ON p.resident_id = h.resident_id
    WHERE h.resident_id <> 0 AND NOT EXISTS (SELECT 1 FROM hold_party m WHERE m.hold_id = h.id);
-- What was sent to somebody who became another counts for that other, as what is to be sent does.
UPDATE delivery SET resident_id = (SELECT r.merged_into FROM resident r WHERE r.id = delivery.resident_id)
    WHERE resident_id IN (SELECT id FROM resident WHERE merged_into IS NOT NULL);
