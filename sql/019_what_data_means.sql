-- What data means: tour times, changes that are logged twice, and a database that was put back.

-- How a tour time in a column without a zone is meant: by the property's clock, or in UTC.
ALTER TABLE domiq_sync.integration ADD COLUMN tour_times TEXT NOT NULL DEFAULT 'local'
CHECK (tour_times IN ('local', 'utc'));

-- Who logged a change, and which other one tells of the same move. An application may log its changes itself, before
-- or after it moves the conversation, and the capture trigger sees that move as well.
--   logged_by  trigger, sync or application; adopted: found in the log later; NULL: from before this was kept
--   same_as    the change that told of the same move first. It has its rules and its notices, and where both go out,
--              it is the one that is posted. No reference: a look at it must wait for nobody
ALTER TABLE domiq_sync.change ADD COLUMN logged_by TEXT;
ALTER TABLE domiq_sync.change ADD COLUMN same_as UUID;
CREATE INDEX change_same_as ON domiq_sync.change (same_as) WHERE same_as IS NOT NULL;

-- Changes that the application logged before it made the move, and whose move was then seen: each is the change of one
-- move. A table of its own, without a reference, since the trigger that writes it must not wait for whoever works on
-- the change. A trigger of 104_changes.sql takes a row away along with its change.
CREATE TABLE domiq_sync.announced_move (
    change_id UUID PRIMARY KEY
);

-- Which installation this is, whatever database it is moved to, and on which timeline of PostgreSQL it was last seen.
CREATE TABLE domiq_sync.installation (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    timeline INTEGER
);
INSERT INTO domiq_sync.installation DEFAULT VALUES;

-- That the database was put back to where it once was: noticed, or declared by somebody. What is told to ResMan is read
-- back first from then on.
--   since   what happened from here on may be lost; NULL: nobody knows
--   evidence  what it was noticed by: each counts once
CREATE TABLE domiq_sync.restored (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noticed_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    since TIMESTAMPTZ,
    evidence TEXT NOT NULL UNIQUE
);

-- Words of ResMan's that were stored in another case than ours: the next full read tells the lease's milestone.
UPDATE domiq_sync.resman_lead r
SET status = w.word, effective_status = w.word, content_hash = ''
FROM unnest('{Prospect,Applicant,Resident,Lost}'::TEXT[]) AS w (word)
WHERE lower(btrim(r.status)) = lower(w.word) AND r.status <> w.word;
