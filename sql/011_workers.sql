-- What goes wrong stays as small as its cause, and work goes on after any crash.

-- Whoever works on the sync, and when it was last known to be alive. A row that is no longer seen is of somebody who
-- died: Dagster goes on calling such a run started, this does not.
--   job     push, pull, notify, reconcile: what it does
--   run_id  the Dagster run that it is, if it is one
CREATE TABLE domiq_sync.worker (
    name TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    run_id TEXT,
    started_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    seen_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX worker_run ON domiq_sync.worker (run_id);

-- Records that could not be dealt with, each with the reason, while all beside them went on. A row goes when its
-- record is dealt with.
--   kind      prospect: one that a pull could not read; key is its id, or its place in the answer where it has none
--             lead: what was decided about a conversation's lead could not be done; status: its status could not be
--             logged; ruling: the rules could not look at its changes; notices: those of a change could not be written;
--             property: a part of a pass, named by the key, could not deal with the property
--             grant: ResMan has not granted an endpoint; key is the account and the endpoint in ResMan's own name
--   sentence  what is wrong; nothing of a lead's own is in it
CREATE TABLE domiq_sync.trouble (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    property_id UUID NOT NULL REFERENCES public.property (id) ON DELETE CASCADE,
    sentence TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    seen_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    times INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (kind, property_id, key)
);
