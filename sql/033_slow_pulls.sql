-- For how long a property's pulls by workers keep its account's slot, by which they are made more seldom.
--   seconds  what is expected of the next one; NULL: none was measured
ALTER TABLE domiq_sync.pull_claim ADD COLUMN seconds REAL;
