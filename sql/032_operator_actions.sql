-- What people decided: who, when, what and why. Written in the transaction of the decision itself, and read by
-- `domiq-sync history`. No references: the record outlives the property and the conversation.
--   action   what was decided: retry, resolve, link, pause and so on (sync/operator_actions.py has them all)
--   actor    who: DOMIQ_ACTOR, else login and machine, or what --by said; a database role, where SQL did
--   why      in their words; NULL: they said nothing
--   subject  ids of what it is about: conversations, changes, leads at ResMan. Empty, where it was chosen by its
--            property, a time or a reason, which `details` has, and once the person has been erased
CREATE TABLE domiq_sync.operator_action (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taken_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    action TEXT NOT NULL CHECK (action <> ''),
    actor TEXT NOT NULL CHECK (actor <> ''),
    why TEXT CHECK (why <> ''),
    property_id UUID,
    subject TEXT[] NOT NULL DEFAULT '{}',
    details JSONB NOT NULL DEFAULT '{}'
);
CREATE INDEX operator_action_taken ON domiq_sync.operator_action (taken_at);
CREATE INDEX operator_action_property ON domiq_sync.operator_action (property_id, taken_at);
CREATE INDEX operator_action_subject ON domiq_sync.operator_action USING gin (subject);

-- What is on record already, each in a table of its own. Of a retry only its changes know.
INSERT INTO domiq_sync.operator_action (taken_at, action, actor, why, property_id, subject, details)
SELECT d.taken_at, d.action, d.actor, d.why, d.property_id, d.subject, d.details
FROM (
    SELECT
        p.paused_at AS taken_at, 'pause' AS action, p.paused_by AS actor, p.because AS why, p.property_id,
        '{}'::TEXT[] AS subject, '{}'::JSONB AS details
    FROM domiq_sync.pause AS p
    UNION ALL
    SELECT p.resumed_at, 'resume', p.resumed_by, NULL, p.property_id, '{}', '{}'
    FROM domiq_sync.pause AS p WHERE p.resumed_at IS NOT NULL AND p.resumed_by <> ''
    UNION ALL
    SELECT
        l.decided_at, CASE l.verdict WHEN 'same' THEN 'link' ELSE 'never_link' END, l.decided_by, NULL,
        l.property_id, ARRAY[l.conversation_id::TEXT, l.prospect_id], '{}'
    FROM domiq_sync.link_decision AS l WHERE l.decided_by <> ''
    UNION ALL
    SELECT
        k.resolved_at, 'resolve', k.resolved_by, NULL, k.property_id,
        ARRAY[k.conversation_id::TEXT, k.prospect_id], jsonb_build_object('resolution', k.resolution)
    FROM domiq_sync.conflict AS k WHERE k.resolved_at IS NOT NULL AND k.resolved_by <> ''
    UNION ALL
    SELECT t.set_at, 'thresholds', t.set_by, NULL, t.property_id, '{}', '{}'
    FROM domiq_sync.threshold AS t WHERE t.set_at IS NOT NULL AND t.set_by <> ''
    UNION ALL
    SELECT
        e.erased_at, 'erase', e.erased_by, NULL, NULL, '{}',
        jsonb_build_object('reference', e.reference, 'conversations', e.conversations)
    FROM domiq_sync.erasure AS e WHERE e.erased_by <> ''
) AS d
ORDER BY d.taken_at;
