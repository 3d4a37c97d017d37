-- What the capture trigger could not log (a full disk, a table of the machinery locked), counted so that it survives.

-- Counts them. A sequence, since it keeps its value when the transaction that drew it fails, and grows without taking
-- room. After a crash it may stand up to 32 too high.
CREATE SEQUENCE domiq_sync.capture_misses START WITH 1;

-- When a sweep found that the count had grown.
--   misses  by how many since the last time
--   total   where the count stood then
CREATE TABLE domiq_sync.capture_gap (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noticed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    misses BIGINT NOT NULL,
    total BIGINT NOT NULL
);

-- Without them the rows that go with a property that is deleted would be searched for in the whole table.
CREATE INDEX notification_property ON domiq_sync.notification (property_id);
CREATE INDEX task_property ON domiq_sync.task (property_id);
