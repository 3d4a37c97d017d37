-- name: load
-- All that sending one change depends on. Neither the log nor a conversation need say when it was made: then the time
-- at which the delivery was queued (:enqueued_at) stands for it. known_for: the seconds since anybody last knew what
-- ResMan shows of its lead.
--   first_*        the change that told of the same move before this one, where that goes to ResMan as well
--   is_from_there  whoever logged the same move after this one says that it came from ResMan. What else that row tells
--                  is told with this one: the application knows more of its move than the trigger does
--   awaits_pull    it was logged before its property was connected, and that was never pulled since
--   is_overtaken   a later change of the conversation was logged since
--   moves_tour     it says that a tour moved while the status stayed
--   tour           the tour's time as it was when the change was logged; where the change does not say, as it is. Read
--                  as JSON, since not every DomIQ has the column
--   told_tour      where the status stayed: what the last change that told the lead of a tour left on record of that,
--                  and told_by its id. One from before that was kept left nothing
--   open_status    a change of the conversation's status is pending
--   lacks_grant    ResMan has refused an endpoint at the property that it had not granted
--   restored_at, restored_since  the database was put back: what came since then may be lost (delivery/lost_time.py)
SELECT g.id AS change_id, g.resman_lead_id, g.old_status, g.new_status,
       COALESCE(g.status_reason, again.status_reason) AS status_reason,
       CASE WHEN again.id IS NULL THEN g.context_data
            ELSE domiq_sync.context_object(again.context_data) || domiq_sync.context_object(g.context_data)
       END AS context_data,
       first.id AS first_id, first.sync_status AS first_status, first.resman_lead_id AS first_lead_id,
       COALESCE(again.sync_direction = 'from_resman', FALSE) AS is_from_there,
       w.last_pull_at IS NULL AND COALESCE(least(ch.logged_at, g.created_at) < i.connected_at, FALSE) AS awaits_pull,
       EXISTS (SELECT FROM domiq_sync.change o JOIN domiq_sync.delivery d ON d.change_id = o.change_id
               WHERE o.conversation_id = c.id AND o.seq > ch.seq AND o.logged_at >= i.connected_at) AS is_overtaken,
       back.restored_at, back.restored_since,
       COALESCE(g.created_at, :enqueued_at) AS created_at, c.id IS NOT NULL AS has_conversation,
       EXISTS (SELECT FROM public.conversation o WHERE o.user_id = c.user_id AND o.id <> c.id) AS has_siblings,
       c.status AS domiq_status, domiq_sync.is_tour_move(g.context_data) AS moves_tour,
       CASE WHEN g.context_data #> '{tour,is}' IS NULL THEN to_jsonb(c) ->> 'tour_datetime'
            ELSE g.context_data #>> '{tour,is}' END AS tour,
       g.context_data #>> '{tour,was}' AS tour_was, told.tour AS told_tour, told.change_id AS told_by,
       CASE WHEN domiq_sync.is_tour_move(g.context_data)
            THEN EXISTS (SELECT FROM domiq_sync.delivery d JOIN public.status_sync_log o ON o.id = d.change_id
                         WHERE d.lane = c.id AND NOT domiq_sync.is_tour_move(o.context_data))
            ELSE TRUE END AS open_status,
       EXISTS (SELECT FROM domiq_sync.trouble t WHERE t.property_id = q.property_id AND t.kind = 'grant') AS lacks_grant,
       c.ai_intent_summary, c.move_in_date, u.id AS user_id, u.first_name, u.last_name, u.email, u.phone,
       l.prospect_id, l.person_id, l.is_current, l.agreed_domiq_status, l.agreed_resman_status,
       r.status AS resman_status, r.effective_status, r.last_modified, r.touched_at AS locally_modified_at,
       COALESCE(c.created_at, g.created_at, :enqueued_at) AS began_at,
       EXTRACT(EPOCH FROM clock_timestamp()
               - greatest(r.read_at, r.touched_at, w.last_pull_at))::float AS known_for,
       EXTRACT(EPOCH FROM clock_timestamp() - r.posted_at)::float AS posted_for
FROM public.status_sync_log g
LEFT JOIN public.conversation c ON c.id = g.conversation_id
LEFT JOIN public."user" u ON u.id = c.user_id
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
LEFT JOIN domiq_sync.change ch ON ch.change_id = g.id
LEFT JOIN domiq_sync.delivery q ON q.change_id = g.id
LEFT JOIN domiq_sync.integration i ON i.property_id = q.property_id
LEFT JOIN domiq_sync.watermark w ON w.property_id = q.property_id
LEFT JOIN public.status_sync_log first
    ON first.id = ch.same_as AND first.sync_direction = 'to_resman'
    AND (first.sync_status = 'pending' OR first.context_data ? 'sync')
LEFT JOIN LATERAL (SELECT a.* FROM domiq_sync.change t JOIN public.status_sync_log a ON a.id = t.change_id
                   WHERE t.same_as = g.id ORDER BY t.seq LIMIT 1) AS again ON TRUE
LEFT JOIN LATERAL (
    SELECT t.change_id, o.context_data #> '{sync,tour}' AS tour
    FROM domiq_sync.change t JOIN public.status_sync_log o ON o.id = t.change_id
    -- of this change alone: where it is of no tour, nothing is looked for
    WHERE (domiq_sync.is_tour_move(g.context_data)
           OR (ch.logged_by = 'application' AND domiq_sync.word(g.old_status) = domiq_sync.word(g.new_status)))
      AND t.conversation_id = ch.conversation_id AND t.seq < ch.seq
      AND o.sync_status = 'success' AND o.sync_direction = 'to_resman' AND o.resman_lead_id = l.prospect_id
      AND (o.context_data #> '{sync,tour}' IS NOT NULL
           OR (o.context_data #> '{sync,marker}' IS NOT NULL
               AND domiq_sync.word(o.new_status) = domiq_sync.word(g.new_status)))
    ORDER BY t.seq DESC LIMIT 1) AS told ON TRUE
CROSS JOIN LATERAL (SELECT max(b.noticed_at) AS restored_at, min(b.since) AS restored_since
                    FROM domiq_sync.restored b
                    WHERE b.noticed_at > least(q.enqueued_at, clock_timestamp() - interval '24 hours')) AS back
WHERE g.id = :change_id

-- name: being_created
-- Who else at the property has no lead yet and may be at ResMan all the same: a post of theirs that would create them
-- may have arrived.
SELECT u.first_name, u.last_name, u.email, u.phone
FROM domiq_sync.delivery d
JOIN public.conversation o ON o.id = d.lane
JOIN public."user" u ON u.id = o.user_id
WHERE d.property_id = :property_id AND d.lane <> :lane AND d.posted_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM domiq_sync.lead_link l WHERE l.conversation_id = d.lane)

-- name: created_lately
-- Who was created at ResMan by ourselves so shortly ago that a search may not find them yet.
SELECT l.prospect_id, l.person_id, u.first_name, u.last_name, u.email, u.phone
FROM domiq_sync.resman_lead r
JOIN domiq_sync.lead_link l ON l.property_id = r.property_id AND l.prospect_id = r.prospect_id
JOIN public.conversation o ON o.id = l.conversation_id
JOIN public."user" u ON u.id = o.user_id
WHERE r.property_id = :property_id AND l.conversation_id <> :lane
  AND r.posted_at > (SELECT clock_timestamp()) - :seconds * interval '1 second'
