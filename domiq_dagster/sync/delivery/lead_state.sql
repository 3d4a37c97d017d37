-- What is known of a lead since we read it or changed it ourselves.

-- name: upsert_lead
-- What was read (not :ours) gives way to whatever was noted since :known_since: it may be stored late. posted_at is of
-- the last post of ours that moved the lead.
INSERT INTO domiq_sync.resman_lead AS kept
    (property_id, prospect_id, person_id, status, effective_status, content_hash, read_at, touched_at,
     posted_at)
VALUES (:property_id, :prospect_id, :person_id, :status, :status, '', clock_timestamp(), clock_timestamp(),
        CASE WHEN :ours THEN clock_timestamp() END)
ON CONFLICT (property_id, prospect_id) DO UPDATE SET
    status = EXCLUDED.status,
    effective_status = CASE WHEN kept.status = EXCLUDED.status THEN kept.effective_status
                            ELSE EXCLUDED.effective_status END,
    person_id = COALESCE(kept.person_id, EXCLUDED.person_id), touched_at = EXCLUDED.touched_at,
    posted_at = CASE WHEN kept.status = EXCLUDED.status THEN kept.posted_at
                     ELSE COALESCE(EXCLUDED.posted_at, kept.posted_at) END
    WHERE :ours OR kept.touched_at IS NOT DISTINCT FROM CAST(:known_since AS timestamptz)

-- name: note_moved
UPDATE domiq_sync.resman_lead
SET status = :status, effective_status = :status, touched_at = clock_timestamp(), posted_at = clock_timestamp()
WHERE property_id = :property_id AND prospect_id = :prospect_id
