-- What the bytes of a batch's file were read as: `windows-1252`.
ALTER TABLE batch ADD COLUMN encoding TEXT;
