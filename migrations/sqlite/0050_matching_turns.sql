-- Keys that are not in the index yet are found through `match_news`: nobody reads how far it goes.
ALTER TABLE match_index DROP COLUMN indexed_to;
