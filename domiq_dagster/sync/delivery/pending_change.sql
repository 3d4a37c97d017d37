-- name: load
-- All that sending one change depends on. Neither the log nor a conversation need say when it was made: then the time
-- at which the delivery was queued (:enqueued_at) stands for it. known_for: the seconds since anybody last knew what
-- ResMan shows of its lead.
SELECT g.id AS change_id, g.resman_lead_id, g.old_status, g.new_status, g.status_reason,
       g.context_data, COALESCE(g.created_at, :enqueued_at) AS created_at, c.id IS NOT NULL AS has_conversation,
       EXISTS (SELECT FROM public.conversation o WHERE o.user_id = c.user_id AND o.id <> c.id) AS has_siblings,
       c.status AS domiq_status, c.tour_datetime,
       c.ai_intent_summary, c.move_in_date, u.id AS user_id, u.first_name, u.last_name, u.email, u.phone,
       l.prospect_id, l.person_id, l.is_current, l.agreed_domiq_status, l.agreed_resman_status,
       r.status AS resman_status, r.effective_status, r.last_modified, r.touched_at AS locally_modified_at,
       COALESCE(c.created_at, g.created_at, :enqueued_at) AS began_at,
       EXTRACT(EPOCH FROM clock_timestamp()
               - greatest(r.read_at, r.touched_at, w.last_pull_at))::float AS known_for
FROM public.status_sync_log g
LEFT JOIN public.conversation c ON c.id = g.conversation_id
LEFT JOIN public."user" u ON u.id = c.user_id
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
LEFT JOIN domiq_sync.watermark w ON w.property_id = l.property_id
WHERE g.id = :change_id

-- name: sibling_in_doubt
-- Whether another conversation of the same user waits for an outcome that ResMan may still be working on.
-- One that itself waits for such a one does not count: two would wait for each other.
SELECT EXISTS (
    SELECT FROM public.conversation o
    JOIN domiq_sync.delivery d ON d.lane = o.id
    WHERE o.user_id = :user_id AND o.id <> :lane AND d.property_id = :property_id AND d.state = 'unknown'
      AND d.next_attempt_at > clock_timestamp() AND d.last_outcome <> 'same_person_under_way')
