-- A made-up property in the middle of its work at revision 0014: some rows in every table of domiq_sync. Beside
-- 0014_schema.sql. Ids say what they are of: c... company, 1... property, 2... conversation, 3... change, and so on.

INSERT INTO company (id, name) VALUES ('c0000000-0000-0000-0000-000000000001', 'Sample Homes');
INSERT INTO property (id, company_id, name, address, city, state, zip_code) VALUES
    ('10000000-0000-0000-0000-000000000001', 'c0000000-0000-0000-0000-000000000001',
     'Sample Court', '1 Sample Street', 'Sampleton', 'TX', '00000');
INSERT INTO chatbot (id, property_id, name) VALUES
    ('b0000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001', 'Sam');
INSERT INTO "user" (id, first_name, last_name, email) VALUES
    ('a0000000-0000-0000-0000-000000000001', 'Ann', 'Example', 'ann@example.com'),
    ('a0000000-0000-0000-0000-000000000002', 'Ben', 'Example', 'ben@example.com'),
    ('a0000000-0000-0000-0000-000000000003', 'Cora', 'Example', 'cora@example.com');

INSERT INTO domiq_sync.integration (
    property_id, resman_account_id, resman_property_id, conflict_policy, agent_id, time_zone, enabled_at
) VALUES (
    '10000000-0000-0000-0000-000000000001', '400', 'a-resman-property', 'manual_review', '7', 'America/Chicago',
    '2026-03-01 08:00Z'
);
UPDATE domiq_sync.account SET min_interval_ms = 250, ramp_ms = 500, max_concurrent = 2, open_reason = 'a timeout';
INSERT INTO domiq_sync.account_turn (resman_account_id, turn, holder, busy_until) VALUES
    ('400', 1, nextval('domiq_sync.turn_holder'), NULL),
    ('400', 2, nextval('domiq_sync.turn_holder'), '2026-03-02 12:00Z');

-- Of the status map, a property's own words, and a shipped row that was taken out.
INSERT INTO domiq_sync.domiq_status_map (property_id, domiq_status, lead_status, event_type) VALUES
    ('10000000-0000-0000-0000-000000000001', 'scheduled', 'tour_scheduled', 'Appointment');
INSERT INTO domiq_sync.resman_status_map (property_id, resman_status, covers, sets) VALUES
    ('10000000-0000-0000-0000-000000000001', 'Applicant/Denied', '{lost}', 'lost');
DELETE FROM domiq_sync.domiq_status_map WHERE domiq_status = 'engaged';
DELETE FROM domiq_sync.resman_status_map WHERE resman_status = 'Applicant/Cancelled';

-- Three conversations that are not captured, and what was logged of them: settled, pending, and one in conflict.
BEGIN;
SET LOCAL domiq_sync.origin = 'resman';
INSERT INTO conversation (id, chatbot_id, user_id, status) VALUES
    ('20000000-0000-0000-0000-000000000001', 'b0000000-0000-0000-0000-000000000001',
     'a0000000-0000-0000-0000-000000000001', 'leased'),
    ('20000000-0000-0000-0000-000000000002', 'b0000000-0000-0000-0000-000000000001',
     'a0000000-0000-0000-0000-000000000002', 'qualified'),
    ('20000000-0000-0000-0000-000000000003', 'b0000000-0000-0000-0000-000000000001',
     'a0000000-0000-0000-0000-000000000003', 'tour_scheduled');
COMMIT;
INSERT INTO status_sync_log (
    id, conversation_id, resman_lead_id, old_status, new_status, updated_by, sync_direction, sync_status, context_data
) VALUES
    ('30000000-0000-0000-0000-000000000001', '20000000-0000-0000-0000-000000000001', 'prospect-1',
     'application', 'leased', 'resman_user', 'from_resman', 'success', '{"sync": {"outcome": "applied"}}'),
    ('30000000-0000-0000-0000-000000000002', '20000000-0000-0000-0000-000000000002', 'prospect-2',
     NULL, 'contacted', 'chatbot', 'to_resman', 'pending', NULL),
    ('30000000-0000-0000-0000-000000000003', '20000000-0000-0000-0000-000000000002', 'prospect-2',
     'contacted', 'qualified', 'chatbot', 'to_resman', 'pending', NULL),
    ('30000000-0000-0000-0000-000000000004', '20000000-0000-0000-0000-000000000003', 'prospect-3',
     'contacted', 'tour_scheduled', 'chatbot', 'to_resman', 'pending', NULL);
UPDATE domiq_sync.change SET notified_at = '2026-03-02 12:00Z', ruled_at = '2026-03-02 12:00Z';
UPDATE domiq_sync.change
SET caused_by = '30000000-0000-0000-0000-000000000002', cause_rule_id = '40000000-0000-0000-0000-000000000001',
    chain_depth = 1
WHERE change_id = '30000000-0000-0000-0000-000000000003';
UPDATE domiq_sync.delivery
SET state = 'unknown', attempts = 2, lease_token = nextval('domiq_sync.lease_token'), worker = 'w1',
    last_outcome = 'timeout'
WHERE change_id = '30000000-0000-0000-0000-000000000002';
UPDATE domiq_sync.delivery SET state = 'waiting', postponements = 3, last_outcome = 'conflict', in_turn = TRUE
WHERE change_id = '30000000-0000-0000-0000-000000000004';
INSERT INTO domiq_sync.attempt (
    change_id, lease_token, worker, action, outcome, detail, started_at, duration_ms
) VALUES
    ('30000000-0000-0000-0000-000000000002', 1, 'w1', 'post', 'timeout', '{"status": null}', '2026-03-02 12:00Z', 30000);
INSERT INTO domiq_sync.daily_total (day, property, sync_direction, sync_status, changes) VALUES
    ('2026-03-01', 'sample-court', 'to_resman', 'success', 3),
    ('2026-03-01', 'sample-court', NULL, NULL, 1);

INSERT INTO domiq_sync.resman_lead (
    property_id, prospect_id, person_id, status, effective_status, last_modified, last_modified_raw, content_hash,
    read_at, touched_at
) VALUES
    ('10000000-0000-0000-0000-000000000001', 'prospect-1', 'person-1', 'Applicant', 'Applicant/LeaseSigned',
     '2026-03-01 12:00Z', '2026-03-01T12:00:00', 'a-hash', '2026-03-02 12:00Z', NULL),
    ('10000000-0000-0000-0000-000000000001', 'prospect-3', 'person-3', 'Lost', 'Lost',
     '2026-03-01 12:00Z', '2026-03-01T12:00:00', '', '2026-03-02 12:00Z', '2026-03-02 11:00Z');
INSERT INTO domiq_sync.missing_lead (property_id, prospect_id, first_missed_at, last_missed_at) VALUES
    ('10000000-0000-0000-0000-000000000001', 'prospect-9', '2026-03-01 03:00Z', '2026-03-01 03:00Z');
INSERT INTO domiq_sync.watermark (
    property_id, watermark, last_pull_at, last_full_at, covered_since, window_seconds, window_reach_seconds
) VALUES (
    '10000000-0000-0000-0000-000000000001', '2026-03-02 11:00Z', '2026-03-02 12:00Z', '2026-03-02 03:00Z',
    '2025-03-02 03:00Z', 86400, 31536000
);
INSERT INTO domiq_sync.pull (
    property_id, full_read, modified_since, started_at, finished_at, fetched, stored, linked, unchanged, late_seconds
) VALUES (
    '10000000-0000-0000-0000-000000000001', FALSE, '2026-03-01 09:00Z', '2026-03-02 12:00Z', '2026-03-02 12:00:01Z',
    2, 1, 1, 1, 12.5
);

INSERT INTO domiq_sync.lead_link (
    conversation_id, property_id, prospect_id, person_id, linked_by, linked_at, agreed_domiq_status,
    agreed_resman_status, agreed_at
) VALUES
    ('20000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001', 'prospect-1', 'person-1', 'email',
     '2026-03-01 12:00Z', 'leased', 'Applicant/LeaseSigned', '2026-03-01 12:00Z'),
    ('20000000-0000-0000-0000-000000000003', '10000000-0000-0000-0000-000000000001', 'prospect-3', 'person-3', 'phone',
     '2026-03-01 12:00Z', 'contacted', 'Prospect', '2026-03-01 12:00Z');
INSERT INTO domiq_sync.closed_link (
    conversation_id, property_id, prospect_id, linked_by, linked_at, reason, relinked_to
) VALUES
    ('20000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001', 'prospect-0', 'email',
     '2026-02-01 12:00Z', 'the prospect is gone', 'prospect-1');
INSERT INTO domiq_sync.link_decision (property_id, conversation_id, prospect_id, verdict, decided_by) VALUES
    ('10000000-0000-0000-0000-000000000001', '20000000-0000-0000-0000-000000000002', 'prospect-9', 'never', 'a person');
INSERT INTO domiq_sync.link_question (property_id, prospect_id, reason, candidates, prospect_ids) VALUES
    ('10000000-0000-0000-0000-000000000001', 'prospect-8', 'several people', 2, '{prospect-8}');
INSERT INTO domiq_sync.conflict (property_id, conversation_id, prospect_id, domiq_status, resman_status) VALUES
    ('10000000-0000-0000-0000-000000000001', '20000000-0000-0000-0000-000000000003', 'prospect-3', 'tour_scheduled',
     'Lost');
INSERT INTO domiq_sync.divergence (conversation_id, property_id) VALUES
    ('20000000-0000-0000-0000-000000000003', '10000000-0000-0000-0000-000000000001');

INSERT INTO status_workflow_rules (id, property_id, trigger_status, target_status) VALUES
    ('40000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001', 'leased', 'lost');
INSERT INTO domiq_sync.rule_run (change_id, rule_id, property_id, outcome, why, done) VALUES
    ('30000000-0000-0000-0000-000000000001', '40000000-0000-0000-0000-000000000001',
     '10000000-0000-0000-0000-000000000001', 'skipped', 'a newer change', '{}');
INSERT INTO domiq_sync.rule_not_held (change_id, rule_ids, which, whys) VALUES
    ('30000000-0000-0000-0000-000000000002', '{40000000-0000-0000-0000-000000000001}', '{1}', '{"too early"}');
INSERT INTO domiq_sync.task (
    kind, property_id, conversation_id, change_id, rule_id, action, title, priority, due_at, time_zone
) VALUES (
    'follow_up', '10000000-0000-0000-0000-000000000001', '20000000-0000-0000-0000-000000000001',
    '30000000-0000-0000-0000-000000000001', '40000000-0000-0000-0000-000000000001', 1, 'Call', 'high',
    '2026-03-05 15:00Z', 'America/Chicago'
);

INSERT INTO domiq_sync.alert (id, property_id, kind, figures, suspected_at, told_at, turns) VALUES
    ('50000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001', 'failed_sync', '{"failed": 9}',
     '2026-03-02 12:00Z', '2026-03-02 12:00Z', 1);
INSERT INTO domiq_sync.alert_turn (alert_id, n, turn, said_at, subject, body) VALUES
    ('50000000-0000-0000-0000-000000000001', 1, 'opened', '2026-03-02 12:00Z', 'Sample Court: 9 failed', 'Look at it.');
INSERT INTO domiq_sync.alert_watch (looked_at) VALUES ('2026-03-02 12:00Z');
INSERT INTO domiq_sync.threshold (property_id, lowest_success_rate, set_by) VALUES
    (NULL, 90, 'a person'),
    ('10000000-0000-0000-0000-000000000001', 75, 'a person');

INSERT INTO status_notification_preferences (id, property_id, status_type, notification_method, recipients) VALUES
    ('60000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001', 'any', 'email',
     '["desk@example.com"]');
INSERT INTO domiq_sync.notification (
    id, property_id, change_id, preference_id, alert_id, channel, recipient, subject, body, state, state_reason,
    attempts, settled_at
) VALUES
    ('70000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001',
     '30000000-0000-0000-0000-000000000001', '60000000-0000-0000-0000-000000000001', NULL, 'email', 'desk@example.com',
     '', '', 'delivered', NULL, 1, '2026-03-02 12:00Z'),
    ('70000000-0000-0000-0000-000000000002', '10000000-0000-0000-0000-000000000001', NULL, NULL,
     '50000000-0000-0000-0000-000000000001', 'operator', 'operator', '', '', 'undeliverable', 'no address', 3,
     '2026-03-02 12:00Z');
INSERT INTO domiq_sync.alert_complaint (notification_id, settled_at) VALUES
    ('70000000-0000-0000-0000-000000000002', '2026-03-02 12:00Z');
INSERT INTO domiq_sync.notification_settings (property_id, quiet_from, quiet_until) VALUES
    ('10000000-0000-0000-0000-000000000001', '21:00', '08:00');
UPDATE domiq_sync.channel SET min_interval_ms = 400 WHERE channel = 'email';
