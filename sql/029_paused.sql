-- Pauses: who switched a property off for a time, since when and why; and who ended it. A property that is paused has
-- sync_enabled = FALSE, by which everything goes; this table is the record of it.
CREATE TABLE domiq_sync.pause (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    property_id UUID NOT NULL REFERENCES domiq_sync.integration (property_id) ON DELETE CASCADE,
    paused_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    paused_by TEXT NOT NULL CHECK (paused_by <> ''),
    because TEXT NOT NULL CHECK (because <> ''),
    resumed_at TIMESTAMPTZ,
    resumed_by TEXT
);
CREATE UNIQUE INDEX pause_open ON domiq_sync.pause (property_id) WHERE resumed_at IS NULL;
CREATE INDEX pause_property ON domiq_sync.pause (property_id);
