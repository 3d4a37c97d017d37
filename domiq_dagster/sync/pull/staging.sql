-- What a pull brought, until the whole of it is there. Temporary tables: no other session sees them, nothing of
-- them is logged, and they go with the session. Rows are committed while the answer streams, so that no transaction
-- is open while the network is waited for.

-- name: create_stage
CREATE TEMP TABLE IF NOT EXISTS staged_lead (
    prospect_id TEXT, person_id TEXT, status TEXT, effective_status TEXT, last_modified TIMESTAMPTZ,
    last_modified_raw TEXT, lost_reason TEXT, transaction_source_id TEXT, agent_id TEXT,
    lease_status TEXT, content_hash TEXT, n BIGINT, again BOOLEAN
) ON COMMIT PRESERVE ROWS;
CREATE TEMP TABLE IF NOT EXISTS seen_lead (prospect_id TEXT, n BIGINT) ON COMMIT PRESERVE ROWS

-- name: clear_stage
TRUNCATE staged_lead, seen_lead

-- name: is_clear
SELECT NOT EXISTS (SELECT FROM staged_lead) AND NOT EXISTS (SELECT FROM seen_lead)

-- name: copy_stage
COPY staged_lead (prospect_id, person_id, status, effective_status, last_modified, last_modified_raw, lost_reason,
                  transaction_source_id, agent_id, lease_status, content_hash, n) FROM STDIN WITH (NULL '')

-- name: discard_staged
DELETE FROM staged_lead WHERE n > :n

-- name: discard_seen
DELETE FROM seen_lead WHERE n > :n

-- name: staged_ids
SELECT DISTINCT prospect_id FROM staged_lead

-- name: mark_repeated
UPDATE staged_lead SET again = TRUE WHERE prospect_id = ANY (CAST(:ids AS text[]))

-- name: changed
-- Which prospects of a piece are not as they are stored. A sub-select rather than a join: it is one look into the
-- key's index each, whatever the statistics say. The hash is of the whole text, lastModified with it. The status
-- is compared as well, since a push of our own stores one without a hash.
-- Both lists are JSON, which is written much faster than an array is.
SELECT g.place
FROM ROWS FROM (json_array_elements_text(CAST(:ids AS json)), json_array_elements_text(CAST(:marks AS json)))
     WITH ORDINALITY AS g(prospect_id, mark, place)
WHERE g.mark IS DISTINCT FROM (
    SELECT k.content_hash || k.effective_status FROM domiq_sync.resman_lead k
    WHERE k.property_id = :property_id AND k.prospect_id = g.prospect_id)

-- name: measure_stage
-- Of what changed: how much did so silently, and how far behind the watermark the latest newcomer lies. A newcomer
-- is what earlier pulls, which asked since covered_since, did not bring with this lastModified.
SELECT count(*) FILTER (WHERE k.content_hash <> '' AND k.content_hash <> s.content_hash
                              AND k.last_modified = s.last_modified) AS silent,
       greatest(0, EXTRACT(EPOCH FROM max(CAST(:watermark AS timestamptz) - s.last_modified)
           FILTER (WHERE k.last_modified IS DISTINCT FROM s.last_modified
                     AND s.last_modified >= CAST(:covered_since AS timestamptz))))::float AS late_seconds
FROM (SELECT DISTINCT ON (prospect_id) * FROM staged_lead
      ORDER BY prospect_id, last_modified DESC, n DESC) AS s
LEFT JOIN domiq_sync.resman_lead k ON k.property_id = :property_id AND k.prospect_id = s.prospect_id

-- name: insert_stage
-- Where nothing was stored before: fails if anything is there by now, or came twice.
INSERT INTO domiq_sync.resman_lead (
    property_id, prospect_id, person_id, status, effective_status, last_modified, last_modified_raw,
    lost_reason, transaction_source_id, agent_id, lease_status, content_hash, stored_at, read_at)
SELECT :property_id, prospect_id, person_id, status, effective_status, last_modified, last_modified_raw,
       lost_reason, transaction_source_id, agent_id, lease_status, content_hash, now(), :started_at
FROM staged_lead

-- name: merge_stage
-- One row a prospect (an answer may repeat one: its newest wins, which may be the one that is stored and so was not
-- staged). What we changed at ResMan ourselves after this pull began is newer than what the pull read, and so is what
-- a pull brought that began later. Another status than our own post of a short time ago (:reads_lag seconds) left, of
-- before that post: the read lags. A later pull asks for it again.
WITH newest AS (
    SELECT DISTINCT ON (prospect_id) * FROM staged_lead
    ORDER BY prospect_id, last_modified DESC, n DESC
)
INSERT INTO domiq_sync.resman_lead AS kept (
    property_id, prospect_id, person_id, status, effective_status, last_modified, last_modified_raw,
    lost_reason, transaction_source_id, agent_id, lease_status, content_hash, stored_at, read_at)
SELECT :property_id, prospect_id, person_id, status, effective_status, last_modified, last_modified_raw,
       lost_reason, transaction_source_id, agent_id, lease_status, content_hash, clock_timestamp(), :started_at
FROM newest
WHERE again IS NULL OR NOT EXISTS (
    SELECT FROM domiq_sync.resman_lead k WHERE k.property_id = :property_id AND k.prospect_id = newest.prospect_id
                                           AND k.last_modified > newest.last_modified)
ON CONFLICT (property_id, prospect_id) DO UPDATE SET
    person_id = EXCLUDED.person_id, status = EXCLUDED.status, effective_status = EXCLUDED.effective_status,
    last_modified = EXCLUDED.last_modified, last_modified_raw = EXCLUDED.last_modified_raw,
    lost_reason = EXCLUDED.lost_reason, transaction_source_id = EXCLUDED.transaction_source_id,
    agent_id = EXCLUDED.agent_id, lease_status = EXCLUDED.lease_status, content_hash = EXCLUDED.content_hash,
    stored_at = EXCLUDED.stored_at, read_at = EXCLUDED.read_at
WHERE (kept.touched_at IS NULL OR kept.touched_at < EXCLUDED.read_at) AND kept.read_at <= EXCLUDED.read_at
  AND (kept.posted_at IS NULL OR kept.status = EXCLUDED.status OR EXCLUDED.last_modified >= kept.posted_at
       OR kept.posted_at <= clock_timestamp() - :reads_lag * interval '1 second')
  AND (kept.content_hash, kept.last_modified, kept.effective_status)
      IS DISTINCT FROM (EXCLUDED.content_hash, EXCLUDED.last_modified, EXCLUDED.effective_status)

-- name: see
INSERT INTO seen_lead SELECT id, :n FROM json_array_elements_text(CAST(:ids AS json)) AS g(id)

-- name: not_seen
SELECT g.id FROM unnest(CAST(:ids AS text[])) AS g(id)
WHERE NOT EXISTS (SELECT FROM seen_lead s WHERE lower(s.prospect_id) = lower(g.id))
