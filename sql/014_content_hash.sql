-- The hash of a prospect's content is made in another way from here on. An unknown one is no sign that the prospect
-- changed silently; each is read and stored once more.
UPDATE domiq_sync.resman_lead SET content_hash = '' WHERE content_hash <> '';
