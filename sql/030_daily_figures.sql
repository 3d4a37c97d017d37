-- What is counted of each day beside the bare counts of daily_total. A day is a UTC day. Of one that is counted again,
-- what is no longer on record by then (attempts, requests) stays as it was counted.

-- The days that were counted, and when: one that was counted before its end is counted again.
CREATE TABLE domiq_sync.daily_count (
    day DATE PRIMARY KEY,
    counted_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);

-- One row a day, property and direction in which anything was logged or asked.
--   sync_direction   '': the log says none
--   success_rate     percent of those that succeeded or failed; NULL: none did
--   timed            changes to ResMan that arrived and of which it is on record when: the latencies are theirs
--   latency_p50 ...  seconds from logging a change until it was settled
--   within_10s ...   how many of the timed ones took no longer
--   funnel           {lead status: leads that came to it}
--   moves            {lead status: {the next one: changes}}; none: the lead had no status before
--   time_in_status   {lead status: {"leads": that left it, "median_seconds": for how long they had had it}}
--   reasons          {reason: changes that failed of it}, the ten of most changes
--   requests         to_resman: of ResMan's API v1, which is written; from_resman: of v2, which is read
--   throttled        requests about these changes that ResMan turned away, having too many
CREATE TABLE domiq_sync.daily_figure (
    day DATE NOT NULL,
    property TEXT NOT NULL,
    sync_direction TEXT NOT NULL,
    changes BIGINT NOT NULL,
    success BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    success_rate DOUBLE PRECISION,
    timed BIGINT NOT NULL,
    latency_p50 DOUBLE PRECISION,
    latency_p95 DOUBLE PRECISION,
    within_10s BIGINT NOT NULL,
    within_1min BIGINT NOT NULL,
    funnel JSONB NOT NULL,
    moves JSONB NOT NULL,
    time_in_status JSONB NOT NULL,
    reasons JSONB NOT NULL,
    requests BIGINT,
    throttled BIGINT NOT NULL,
    PRIMARY KEY (day, property, sync_direction)
);

-- One row a day and connected property.
--   conflicts_opened, conflicts_decided  on that day
--   compared, in_step, awaiting, diverged  of its linked leads, when the day was counted; NULL: it was counted too late
CREATE TABLE domiq_sync.daily_property (
    day DATE NOT NULL,
    property TEXT NOT NULL,
    conflicts_opened BIGINT NOT NULL,
    conflicts_decided BIGINT NOT NULL,
    compared BIGINT,
    in_step BIGINT,
    awaiting BIGINT,
    diverged BIGINT,
    PRIMARY KEY (day, property)
);

-- A day's conflicts are found by these.
CREATE INDEX conflict_opened ON domiq_sync.conflict (opened_at);
CREATE INDEX conflict_resolved ON domiq_sync.conflict (resolved_at) WHERE resolved_at IS NOT NULL;
