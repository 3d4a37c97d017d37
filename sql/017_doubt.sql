-- What is known of a post whose outcome is in doubt, so that it is read back for long enough before it
-- is sent again.
--   posted_at   when a post of it last left that ResMan may have; NULL where none did, or what became of it is known
--   posted      that post, to be held against what ResMan shows: its name, marker, event type, date and agent
--   read_backs  how often it was looked for since, and not found
--   decided     what a person decided about it, until that is carried out
ALTER TABLE domiq_sync.delivery ADD COLUMN posted_at TIMESTAMPTZ;
ALTER TABLE domiq_sync.delivery ADD COLUMN posted JSONB;
ALTER TABLE domiq_sync.delivery ADD COLUMN read_backs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE domiq_sync.delivery ADD COLUMN decided TEXT CHECK (decided IN ('arrived', 'send_again'));
ALTER TABLE domiq_sync.delivery ADD COLUMN decided_by TEXT;

-- Whether a post of these has left nobody noted.
UPDATE domiq_sync.delivery SET posted_at = clock_timestamp() WHERE state IN ('in_flight', 'unknown');

-- When our own post last changed the lead: a read of shortly after that does not show it may lag.
ALTER TABLE domiq_sync.resman_lead ADD COLUMN posted_at TIMESTAMPTZ;
