-- Workers that go on beside Dagster, and how they are woken.

-- Who sleeps just now and wants to be woken: a trigger that queues a change sends a NOTIFY only where somebody does,
-- since a NOTIFY has the commits of the whole server wait for each other. Not logged: what a crash forgets costs a
-- second, as polling goes on all the same.
--   until  after that nobody sleeps any more who has not said so again
CREATE UNLOGGED TABLE domiq_sync.sleeper (
    name TEXT PRIMARY KEY,
    until TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

-- What a worker that goes on says of itself.
--   lag_seconds  for how long the longest-due change has waited that it found
ALTER TABLE domiq_sync.worker ADD COLUMN lag_seconds REAL;
