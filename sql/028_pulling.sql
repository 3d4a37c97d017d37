-- Pulls by workers that go on: what they may ask, whose a property is meanwhile; and the requests that go out.

-- What workers may ask of an account for their pulls, all of them together.
--   pull_budget  requests a second; 0: they pull nothing there
ALTER TABLE domiq_sync.account ADD COLUMN pull_budget REAL NOT NULL DEFAULT 1 CHECK (pull_budget BETWEEN 0 AND 100);

-- How far an account's budget is used up. Apart from the account's row, which a request waits for: whoever chooses the
-- next property to pull locks this one.
--   free_at  from when on the budget allows the next pull
CREATE TABLE domiq_sync.pull_pace (
    resman_account_id TEXT PRIMARY KEY,
    free_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

-- The pulls of a property by workers.
--   worker, claimed_until  who pulls it just now. A claim that has run out is a worker's that died
--   failures, rests_until  pulls that failed in a row, and until when it is left alone for that
--   news, news_at          how many leads its pulls found changed, each counting less the longer ago, as of news_at
--   requests               what its last pull took
--   applied_at             when what its pulls had brought was last applied; NULL: some of it may not be
CREATE TABLE domiq_sync.pull_claim (
    property_id UUID PRIMARY KEY REFERENCES domiq_sync.integration (property_id) ON DELETE CASCADE,
    worker TEXT,
    claimed_until TIMESTAMPTZ,
    failures INTEGER NOT NULL DEFAULT 0,
    rests_until TIMESTAMPTZ,
    news REAL NOT NULL DEFAULT 0,
    news_at TIMESTAMPTZ,
    requests INTEGER NOT NULL DEFAULT 1,
    applied_at TIMESTAMPTZ
) WITH (fillfactor = 50);

-- The requests that went out, by day (UTC), of whatever process of the sync. resman_property_id '': they were about the
-- account. No foreign key: what was asked stays asked when a property goes.
CREATE TABLE domiq_sync.request_count (
    day DATE NOT NULL,
    resman_account_id TEXT NOT NULL,
    resman_property_id TEXT NOT NULL,
    api TEXT NOT NULL CHECK (api IN ('v1', 'v2')),
    requests BIGINT NOT NULL,
    PRIMARY KEY (day, resman_account_id, resman_property_id, api)
) WITH (fillfactor = 50);
