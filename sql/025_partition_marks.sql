-- What Dagster was last told of a partition of an inbound asset, and when.
--   state  in what state the property was: ok; off (not connected, or switched off); failed; unreadable (some of its
--          prospects); not_believed (a full read); refused (some of what was to be applied)
CREATE TABLE domiq_sync.partition_mark (
    asset TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    state TEXT NOT NULL,
    marked_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (asset, partition_key)
);
