-- Applied at every migrate: what several queries of the engine ask alike, said once.
-- Set-returning SQL functions without settings of their own: PostgreSQL inlines them into the query that names them,
-- as it does a view, so that only what is asked for is read. A view would keep DomIQ from altering a column that it
-- reads; the text of a function keeps nobody from anything. It is not checked here either: not every DomIQ has every
-- column.
SET LOCAL check_function_bodies = off;

-- What a change's record is added to: its context as an object. What the application wrote that is none is kept.
CREATE OR REPLACE FUNCTION domiq_sync.context_object(context_data JSONB) RETURNS JSONB
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(context_data) = 'object' THEN context_data
                WHEN context_data IS NULL THEN '{}'::jsonb
                ELSE jsonb_build_object('original', context_data) END
$$;

-- What the words of the two systems mean at each connected property: its own row wins over the shipped one.
-- The words are those that domiq_sync.word gives.
CREATE OR REPLACE VIEW domiq_sync.domiq_meaning AS
SELECT DISTINCT ON (i.property_id, domiq_sync.word(m.domiq_status))
    i.property_id, domiq_sync.word(m.domiq_status) AS domiq_status, m.lead_status
FROM domiq_sync.integration i
JOIN domiq_sync.domiq_status_map m ON m.property_id = i.property_id OR m.property_id IS NULL
ORDER BY i.property_id, domiq_sync.word(m.domiq_status), m.property_id NULLS LAST;

CREATE OR REPLACE VIEW domiq_sync.resman_meaning AS
SELECT DISTINCT ON (i.property_id, domiq_sync.word(m.resman_status))
    i.property_id, domiq_sync.word(m.resman_status) AS resman_status, m.covers
FROM domiq_sync.integration i
JOIN domiq_sync.resman_status_map m ON m.property_id = i.property_id OR m.property_id IS NULL
ORDER BY i.property_id, domiq_sync.word(m.resman_status), m.property_id NULLS LAST;

-- Every conversation that speaks for a lead which was read, with both statuses and what there is between them.
--   domiq_is_newer  where no pair was ever agreed: the conversation began after ResMan's last news of the lead
--   is_dated        who is newer can be told: a pair was agreed, or a pull has read the lead
--   dated_by_us     only our own posts (for another conversation) may have dated it; the open change reads its events
--   open_outbound   a change of the status is pending; that a tour moved is no move of the status
--   under_way       a change is being sent, or may have arrived
--   push_failed     the last change carried DomIQ's present status out, and failed
--   has_moved       the pair is not the one last agreed, or somebody waits for a decision about it
DROP FUNCTION IF EXISTS domiq_sync.linked_leads();
CREATE FUNCTION domiq_sync.linked_leads()
RETURNS TABLE (
    conversation_id UUID, property_id UUID, prospect_id TEXT, agreed_domiq_status TEXT, agreed_resman_status TEXT,
    agreed_at TIMESTAMPTZ, domiq_status TEXT, resman_status TEXT, lost_reason TEXT, last_modified TIMESTAMPTZ,
    written_at TIMESTAMPTZ, domiq_is_newer BOOLEAN, is_dated BOOLEAN, dated_by_us BOOLEAN, in_conflict BOOLEAN,
    open_outbound BOOLEAN, under_way BOOLEAN, push_failed BOOLEAN, has_moved BOOLEAN
)
LANGUAGE sql STABLE AS $$
    SELECT l.conversation_id, l.property_id, l.prospect_id, l.agreed_domiq_status, l.agreed_resman_status,
           l.agreed_at, c.status::text, r.effective_status, r.lost_reason, r.last_modified,
           greatest(r.stored_at, r.touched_at, c.updated_at),
           l.agreed_at IS NULL AND c.created_at > r.last_modified,
           l.agreed_at IS NOT NULL OR r.last_modified IS NOT NULL,
           l.agreed_at IS NULL AND r.touched_at IS NOT NULL
               AND EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = l.conversation_id),
           EXISTS (SELECT FROM domiq_sync.conflict k
                   WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL),
           EXISTS (SELECT FROM domiq_sync.delivery d JOIN public.status_sync_log g ON g.id = d.change_id
                   WHERE d.lane = l.conversation_id AND NOT domiq_sync.is_tour_move(g.context_data)),
           EXISTS (SELECT FROM domiq_sync.delivery d
                   WHERE d.lane = l.conversation_id AND d.state IN ('in_flight', 'unknown')),
           COALESCE((SELECT last.sync_status = 'failed' AND last.sync_direction = 'to_resman'
                            AND last.new_status = c.status::text
                     FROM domiq_sync.last_change(l.conversation_id) AS last), FALSE),
           l.agreed_domiq_status IS DISTINCT FROM c.status::text
               OR l.agreed_resman_status IS DISTINCT FROM r.effective_status
               OR EXISTS (SELECT FROM domiq_sync.conflict k
                          WHERE k.conversation_id = l.conversation_id AND k.resolved_at IS NULL)
               OR EXISTS (SELECT FROM domiq_sync.delivery d
                          WHERE d.lane = l.conversation_id AND d.property_id = l.property_id
                            AND d.last_outcome IN ('conflict', 'resman_moved'))
    FROM domiq_sync.lead_link l
    JOIN domiq_sync.resman_lead r ON r.property_id = l.property_id AND r.prospect_id = l.prospect_id
    JOIN public.conversation c ON c.id = l.conversation_id
    WHERE l.is_current
$$;

-- How each of them compares.
-- verdict:
--   agrees        ResMan's status covers DomIQ's
--   awaiting      DomIQ told ResMan, whose staff take the step themselves (application, leased)
--   conflict      a person decides
--   open_change   a pending change explains the difference
--   not_a_lead    DomIQ's status is no lead status
--   unknown_word  ResMan's status has no meaning in the status map
--   diverged      nothing explains the difference
-- cause, where it diverged:
--   moved         the next decision about the lead mends it
--   undated       no pull has read the lead yet, so nobody can tell who is newer
--   push_failed   the change that was to tell ResMan failed
--   direction     the property does not take, or does not send, the side that moved
--   settled       the difference was settled as it is: neither side can be moved from outside
DROP FUNCTION IF EXISTS domiq_sync.compared_leads();
CREATE FUNCTION domiq_sync.compared_leads()
RETURNS TABLE (
    conversation_id UUID, property_id UUID, prospect_id TEXT, domiq_status TEXT, resman_status TEXT,
    agreed_at TIMESTAMPTZ, written_at TIMESTAMPTZ, verdict TEXT, cause TEXT
)
LANGUAGE sql STABLE AS $$
    SELECT l.conversation_id, l.property_id, l.prospect_id, l.domiq_status, l.resman_status, l.agreed_at,
           l.written_at, v.verdict,
           CASE WHEN v.verdict <> 'diverged' THEN NULL
                WHEN NOT l.is_dated THEN 'undated'
                WHEN l.agreed_domiq_status = l.domiq_status AND l.agreed_resman_status = l.resman_status
                    THEN 'settled'
                WHEN l.agreed_resman_status IS NOT DISTINCT FROM l.resman_status AND l.push_failed
                    THEN 'push_failed'
                WHEN i.sync_direction = 'to_resman' AND l.agreed_resman_status IS DISTINCT FROM l.resman_status
                    OR i.sync_direction = 'from_resman' AND l.agreed_resman_status = l.resman_status
                    THEN 'direction'
                ELSE 'moved' END
    FROM domiq_sync.linked_leads() AS l
    JOIN domiq_sync.integration i ON i.property_id = l.property_id
    LEFT JOIN domiq_sync.domiq_meaning d
        ON d.property_id = l.property_id AND d.domiq_status = domiq_sync.word(l.domiq_status)
    LEFT JOIN domiq_sync.resman_meaning m
        ON m.property_id = l.property_id AND m.resman_status = domiq_sync.word(l.resman_status)
    -- a lease milestone without a row of its own means what the bare status means
    LEFT JOIN domiq_sync.resman_meaning b
        ON b.property_id = l.property_id AND b.resman_status = domiq_sync.word(split_part(l.resman_status, '/', 1))
    CROSS JOIN LATERAL (SELECT COALESCE(m.covers, b.covers) AS covers) AS s
    CROSS JOIN LATERAL (SELECT CASE
        WHEN d.lead_status IS NULL THEN 'not_a_lead'
        WHEN s.covers IS NULL THEN 'unknown_word'
        WHEN d.lead_status = ANY (s.covers) THEN 'agrees'
        WHEN l.in_conflict THEN 'conflict'
        WHEN l.open_outbound THEN 'open_change'
        WHEN d.lead_status IN ('application', 'leased')
             AND split_part(l.resman_status, '/', 1) IN ('Prospect', 'Applicant')
             AND l.agreed_domiq_status = l.domiq_status AND l.agreed_resman_status = l.resman_status
            THEN 'awaiting'
        ELSE 'diverged' END AS verdict) AS v
$$;

-- The status of the change of a conversation that was logged last by the clock.
DROP FUNCTION IF EXISTS domiq_sync.newest_logged_status(UUID);
CREATE FUNCTION domiq_sync.newest_logged_status(of_conversation UUID) RETURNS TEXT
LANGUAGE sql STABLE AS $$
    SELECT g.new_status FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = of_conversation ORDER BY ch.logged_at DESC, ch.seq DESC LIMIT 1
$$;

-- A property's conversations whose lead status is not what the last change logged for them says: capture was off (a
-- bulk load, a restored backup), or they were there before the property was connected.
--   linked    with a change logged, since without one the pair that was agreed at linking explains it
--   unlinked  a lost or leased one has no lead to tell of it; of several of one person the newest speaks
DROP FUNCTION IF EXISTS domiq_sync.uncaptured_conversations(UUID);
CREATE FUNCTION domiq_sync.uncaptured_conversations(of_property UUID)
RETURNS TABLE (conversation_id UUID, status TEXT, began_at TIMESTAMPTZ)
LANGUAGE sql STABLE AS $$
    SELECT c.id, c.status::text, c.created_at
    FROM domiq_sync.conversation_property cp
    JOIN public.conversation c ON c.id = cp.conversation_id
    LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
    LEFT JOIN LATERAL domiq_sync.last_change(c.id) AS last ON TRUE
    WHERE cp.property_id = of_property
      AND domiq_sync.lead_status(cp.property_id, c.status::text) IS NOT NULL
      AND c.status::text IS DISTINCT FROM last.new_status
      AND NOT domiq_sync.awaits_move(c.id, c.status::text)
      -- by the clock as well, since a sequence that was set back puts the newest among the first
      AND c.status::text IS DISTINCT FROM domiq_sync.newest_logged_status(c.id)
      AND CASE WHEN l.conversation_id IS NOT NULL THEN l.is_current AND last.new_status IS NOT NULL
               ELSE domiq_sync.lead_status(cp.property_id, c.status::text) NOT IN ('lost', 'leased')
                    AND EXISTS (SELECT FROM public."user" u
                                WHERE u.id = c.user_id AND (u.email IS NOT NULL OR u.phone IS NOT NULL))
                    AND NOT EXISTS (SELECT FROM domiq_sync.conversation_property cp2
                                    JOIN public.conversation newer ON newer.id = cp2.conversation_id
                                    WHERE cp2.property_id = cp.property_id AND newer.user_id = c.user_id
                                      AND (newer.created_at, newer.id) > (c.created_at, c.id)
                                      AND domiq_sync.lead_status(cp2.property_id, newer.status::text) IS NOT NULL)
          END
$$;

-- What a change says of its tour's time, as JSON: what was recorded when it was logged, else what ResMan was told.
-- NULL: it says nothing, since it is from before that was kept, or the application's own.
CREATE OR REPLACE FUNCTION domiq_sync.logged_tour(context_data JSONB) RETURNS JSONB
LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(context_data #> '{tour,is}', context_data #> '{sync,tour,time}')
$$;

-- A property's conversations whose tour is at another time than the last change logged for them says, though the status
-- is the same: capture was off. The session's time zone is UTC. Of times with a zone and without nobody can say whether
-- they are the same: the column's type was altered.
DROP FUNCTION IF EXISTS domiq_sync.uncaptured_tours(UUID);
CREATE FUNCTION domiq_sync.uncaptured_tours(of_property UUID)
RETURNS TABLE (conversation_id UUID, status TEXT, was TEXT, is_now TEXT, began_at TIMESTAMPTZ)
LANGUAGE sql STABLE AS $$
    SELECT c.id, c.status::text, last.tour #>> '{}', shown.tour, c.created_at
    FROM domiq_sync.conversation_property cp
    JOIN public.conversation c ON c.id = cp.conversation_id
    LEFT JOIN domiq_sync.lead_link l ON l.conversation_id = c.id
    CROSS JOIN LATERAL (
        SELECT domiq_sync.word(g.new_status) AS status, domiq_sync.logged_tour(g.context_data) AS tour
        FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
        WHERE ch.conversation_id = c.id ORDER BY ch.seq DESC LIMIT 1) AS last
    CROSS JOIN LATERAL (
        SELECT domiq_sync.logged_tour(g.context_data) AS tour
        FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
        WHERE ch.conversation_id = c.id ORDER BY ch.logged_at DESC, ch.seq DESC LIMIT 1) AS newest
    CROSS JOIN LATERAL (
        SELECT r.row_shown ->> 'tour_datetime' AS tour
        FROM (SELECT to_jsonb(c) AS row_shown) AS r WHERE r.row_shown ? 'tour_datetime') AS shown
    WHERE cp.property_id = of_property AND COALESCE(l.is_current, TRUE)
      AND domiq_sync.word(c.status::text) IN (
          SELECT m.domiq_status FROM domiq_sync.domiq_meaning m
          WHERE m.property_id = of_property AND m.lead_status = 'tour_scheduled')
      AND last.status = domiq_sync.word(c.status::text)
      AND last.tour #>> '{}' IS DISTINCT FROM shown.tour AND newest.tour #>> '{}' IS DISTINCT FROM shown.tour
      AND last.tour IS NOT NULL AND newest.tour IS NOT NULL
      AND COALESCE((last.tour #>> '{}' ~ 'T.*[+-]') = (shown.tour ~ 'T.*[+-]'), TRUE)
$$;

SET LOCAL check_function_bodies = on;
