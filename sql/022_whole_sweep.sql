-- When reconciliation last went over every property: what capture could not log before that is accounted for.
CREATE TABLE domiq_sync.whole_sweep (
    only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    began_at TIMESTAMPTZ NOT NULL
);

-- When the whole sweep before it began, so that none of the misses is older; NULL where there was none.
ALTER TABLE domiq_sync.capture_gap ADD COLUMN since TIMESTAMPTZ;
