-- name: outbound
-- The changes that the next push of a property would take up, in the order of each conversation, and those that
-- reconciliation would log before it, for a status or a tour without a change or a decision (:pushed) to tell ResMan.
SELECT o.conversation_id, o.seq, o.old_status, o.new_status, o.outcome_unknown,
       COALESCE(o.tour #>> '{}', CASE WHEN o.tour IS NULL THEN to_jsonb(c) ->> 'tour_datetime' END) AS tour,
       o.moves_tour,
       u.first_name, u.last_name, u.email, u.phone,
       COALESCE(l.is_current, TRUE) AS speaks, r.effective_status AS resman_status
FROM (
    SELECT d.lane AS conversation_id, d.seq, g.old_status, g.new_status,
           d.state IN ('in_flight', 'unknown') AS outcome_unknown, g.context_data #> '{tour,is}' AS tour,
           domiq_sync.is_tour_move(g.context_data) AS moves_tour
    FROM domiq_sync.delivery d JOIN public.status_sync_log g ON g.id = d.change_id
    WHERE d.property_id = :property_id
    UNION ALL
    SELECT n.conversation_id, NULL, NULL, n.status, FALSE, NULL, FALSE
    FROM domiq_sync.uncaptured_conversations(:property_id) AS n
    WHERE n.conversation_id <> ALL (CAST(:pushed AS uuid[]))
    UNION ALL
    SELECT t.conversation_id, NULL, t.status, t.status, FALSE, NULL, TRUE
    FROM domiq_sync.uncaptured_tours(:property_id) AS t
    UNION ALL
    SELECT k.id, NULL, NULL, k.status, FALSE, NULL, FALSE
    FROM public.conversation k WHERE k.id = ANY (CAST(:pushed AS uuid[]))
) AS o
LEFT JOIN public.conversation c ON c.id = o.conversation_id
LEFT JOIN public."user" u ON u.id = c.user_id
LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = o.conversation_id
LEFT JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
ORDER BY o.conversation_id, o.seq NULLS LAST

-- name: open_reviews
SELECT count(*) FROM domiq_sync.link_question WHERE property_id = :property_id
