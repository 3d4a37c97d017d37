-- Schema domiq_sync as it stood at revision 0014, with the shipped rows: taken from the catalogs of a database that the
-- files of that time had made. It stands beside schema public as 000, 001 and 002 of sql/ make it, which are the same
-- to this day. Frozen: a database like this is what migrate takes over.

CREATE SCHEMA domiq_sync;

CREATE SEQUENCE domiq_sync.lease_token;
CREATE SEQUENCE domiq_sync.turn_holder;

CREATE TABLE domiq_sync.integration (
    property_id uuid NOT NULL,
    resman_account_id text NOT NULL,
    resman_property_id text NOT NULL,
    sync_enabled boolean NOT NULL DEFAULT true,
    sync_direction text NOT NULL DEFAULT 'both'::text,
    conflict_policy text NOT NULL DEFAULT 'resman_wins'::text,
    agent_id text,
    source_id text,
    lost_reason_id text,
    time_zone text,
    partition_key text NOT NULL,
    connected_at timestamp with time zone NOT NULL DEFAULT now(),
    enabled_at timestamp with time zone,
    CONSTRAINT integration_pkey PRIMARY KEY (property_id),
    CONSTRAINT integration_resman_account_id_check CHECK ((resman_account_id <> ''::text)),
    CONSTRAINT integration_resman_property_id_check CHECK ((resman_property_id <> ''::text)),
    CONSTRAINT integration_sync_direction_check CHECK ((sync_direction = ANY (ARRAY['both'::text, 'to_resman'::text, 'from_resman'::text]))),
    CONSTRAINT integration_conflict_policy_check CHECK ((conflict_policy = ANY (ARRAY['resman_wins'::text, 'domiq_wins'::text, 'furthest_progress'::text, 'manual_review'::text]))),
    CONSTRAINT integration_partition_key_key UNIQUE (partition_key),
    CONSTRAINT integration_resman_account_id_resman_property_id_key UNIQUE (resman_account_id, resman_property_id),
    CONSTRAINT integration_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);
COMMENT ON COLUMN domiq_sync.integration.agent_id IS
    'An agentId (v1 GetEmployees.ID)';
COMMENT ON COLUMN domiq_sync.integration.source_id IS
    'A transactionSourceId (v1 GetProspectSources.ID)';
COMMENT ON COLUMN domiq_sync.integration.time_zone IS
    'IANA name; DomIQ''s tour times are read in it';

CREATE TABLE domiq_sync.account (
    resman_account_id text NOT NULL,
    min_interval_ms integer NOT NULL DEFAULT 0,
    next_request_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone,
    consecutive_failures integer NOT NULL DEFAULT 0,
    open_until timestamp with time zone,
    open_reason text,
    max_concurrent integer NOT NULL DEFAULT 1,
    ramp_ms integer NOT NULL DEFAULT 0,
    CONSTRAINT account_pkey PRIMARY KEY (resman_account_id),
    CONSTRAINT account_min_interval_ms_check CHECK ((min_interval_ms >= 0)),
    CONSTRAINT account_max_concurrent_check CHECK (((max_concurrent >= 1) AND (max_concurrent <= 16))),
    CONSTRAINT account_ramp_ms_check CHECK ((ramp_ms >= 0))
);

CREATE TABLE domiq_sync.domiq_status_map (
    property_id uuid,
    domiq_status text NOT NULL,
    lead_status text NOT NULL,
    event_type text NOT NULL,
    CONSTRAINT domiq_status_map_lead_status_check CHECK ((lead_status = ANY (ARRAY['new'::text, 'contacted'::text, 'qualified'::text, 'tour_scheduled'::text, 'application'::text, 'leased'::text, 'lost'::text]))),
    CONSTRAINT domiq_status_map_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX domiq_status_map_key ON domiq_sync.domiq_status_map (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), domiq_status);

CREATE TABLE domiq_sync.resman_status_map (
    property_id uuid,
    resman_status text NOT NULL,
    covers text[] NOT NULL,
    sets text NOT NULL,
    CONSTRAINT resman_status_map_check CHECK ((sets = ANY (covers))),
    CONSTRAINT resman_status_map_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX resman_status_map_key ON domiq_sync.resman_status_map (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), resman_status);

CREATE TABLE domiq_sync.change (
    change_id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    conversation_id uuid,
    property_id uuid,
    logged_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    notified_at timestamp with time zone,
    ruled_at timestamp with time zone,
    caused_by uuid,
    cause_rule_id uuid,
    chain_depth integer NOT NULL DEFAULT 0,
    CONSTRAINT change_pkey PRIMARY KEY (change_id),
    CONSTRAINT change_change_id_fkey FOREIGN KEY (change_id) REFERENCES status_sync_log(id) ON DELETE CASCADE
);
CREATE INDEX change_unnotified ON domiq_sync.change (property_id, logged_at, seq) WHERE (notified_at IS NULL);
CREATE INDEX change_conversation ON domiq_sync.change (conversation_id, seq);
CREATE INDEX change_property ON domiq_sync.change (property_id, logged_at);
CREATE INDEX change_seq ON domiq_sync.change (seq);
CREATE INDEX change_unruled ON domiq_sync.change (property_id, logged_at, seq) WHERE (ruled_at IS NULL);
CREATE INDEX change_unruled_conversation ON domiq_sync.change (conversation_id, seq) WHERE (ruled_at IS NULL);

CREATE TABLE domiq_sync.delivery (
    change_id uuid NOT NULL,
    seq bigint NOT NULL,
    lane uuid NOT NULL,
    property_id uuid,
    is_head boolean NOT NULL,
    state text NOT NULL DEFAULT 'ready'::text,
    attempts integer NOT NULL DEFAULT 0,
    postponements integer NOT NULL DEFAULT 0,
    next_attempt_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    lease_token bigint,
    worker text,
    last_outcome text,
    enqueued_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    in_turn boolean NOT NULL DEFAULT false,
    CONSTRAINT delivery_pkey PRIMARY KEY (change_id),
    CONSTRAINT delivery_state_check CHECK ((state = ANY (ARRAY['ready'::text, 'in_flight'::text, 'unknown'::text, 'waiting'::text]))),
    CONSTRAINT delivery_change_id_fkey FOREIGN KEY (change_id) REFERENCES status_sync_log(id) ON DELETE CASCADE
) WITH (fillfactor=100);
CREATE INDEX delivery_lane ON domiq_sync.delivery (lane, seq);
CREATE INDEX delivery_due ON domiq_sync.delivery (property_id, next_attempt_at, seq) WHERE is_head;
CREATE INDEX delivery_queued ON domiq_sync.delivery (lane) WHERE (NOT is_head);
CREATE INDEX delivery_property ON domiq_sync.delivery (property_id, enqueued_at);
CREATE UNIQUE INDEX delivery_one_in_flight ON domiq_sync.delivery (lane) WHERE (state = 'in_flight'::text);
CREATE INDEX delivery_out_of_turn ON domiq_sync.delivery (lane, seq) WHERE (NOT in_turn);

CREATE TABLE domiq_sync.attempt (
    id bigint GENERATED ALWAYS AS IDENTITY,
    change_id uuid NOT NULL,
    lease_token bigint NOT NULL,
    worker text NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    detail jsonb,
    started_at timestamp with time zone NOT NULL,
    duration_ms integer NOT NULL,
    CONSTRAINT attempt_pkey PRIMARY KEY (id)
);
CREATE INDEX attempt_change ON domiq_sync.attempt (change_id, id);

CREATE TABLE domiq_sync.lead_link (
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    person_id text,
    is_current boolean NOT NULL DEFAULT true,
    linked_by text NOT NULL,
    linked_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    agreed_domiq_status text,
    agreed_resman_status text,
    agreed_at timestamp with time zone,
    CONSTRAINT lead_link_pkey PRIMARY KEY (conversation_id),
    CONSTRAINT lead_link_linked_by_check CHECK ((linked_by = ANY (ARRAY['stored_id'::text, 'email'::text, 'phone'::text, 'name'::text, 'created'::text, 'manual'::text]))),
    CONSTRAINT lead_link_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES conversation(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX lead_link_current ON domiq_sync.lead_link (property_id, prospect_id) WHERE is_current;
CREATE INDEX lead_link_prospect ON domiq_sync.lead_link (property_id, prospect_id);

CREATE TABLE domiq_sync.resman_lead (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    person_id text,
    status text NOT NULL,
    effective_status text NOT NULL,
    last_modified timestamp with time zone,
    last_modified_raw text,
    lost_reason text,
    transaction_source_id text,
    agent_id text,
    lease_status text,
    content_hash text NOT NULL,
    stored_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    read_at timestamp with time zone NOT NULL,
    touched_at timestamp with time zone,
    CONSTRAINT resman_lead_pkey PRIMARY KEY (property_id, prospect_id)
);

CREATE TABLE domiq_sync.watermark (
    property_id uuid NOT NULL,
    watermark timestamp with time zone,
    last_pull_at timestamp with time zone,
    last_full_at timestamp with time zone,
    failing_since timestamp with time zone,
    last_error text,
    covered_since timestamp with time zone,
    window_seconds double precision,
    window_reach_seconds double precision,
    distrust text,
    distrusted_since timestamp with time zone,
    CONSTRAINT watermark_pkey PRIMARY KEY (property_id),
    CONSTRAINT watermark_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);

CREATE TABLE domiq_sync.pull (
    id bigint GENERATED ALWAYS AS IDENTITY,
    property_id uuid NOT NULL,
    full_read boolean NOT NULL,
    modified_since timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    fetched integer NOT NULL,
    stored integer NOT NULL,
    linked integer NOT NULL,
    error text,
    unchanged integer NOT NULL DEFAULT 0,
    silent integer NOT NULL DEFAULT 0,
    overlap_seconds double precision,
    late_seconds double precision NOT NULL DEFAULT 0,
    requests integer NOT NULL DEFAULT 1,
    missing integer NOT NULL DEFAULT 0,
    vanished integer NOT NULL DEFAULT 0,
    distrust text,
    CONSTRAINT pull_pkey PRIMARY KEY (id),
    CONSTRAINT pull_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);
CREATE INDEX pull_property ON domiq_sync.pull (property_id, started_at);
CREATE INDEX pull_late ON domiq_sync.pull (property_id, started_at) WHERE (late_seconds > (0)::double precision);

CREATE TABLE domiq_sync.conflict (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    prospect_id text NOT NULL,
    domiq_status text,
    resman_status text NOT NULL,
    opened_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    resolved_at timestamp with time zone,
    resolution text,
    resolved_by text,
    CONSTRAINT conflict_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX conflict_open ON domiq_sync.conflict (conversation_id) WHERE (resolved_at IS NULL);

CREATE TABLE domiq_sync.link_question (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    reason text NOT NULL,
    candidates integer NOT NULL,
    asked_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL DEFAULT 'several_people'::text,
    prospect_ids text[] NOT NULL DEFAULT '{}'::text[],
    conversation_ids uuid[] NOT NULL DEFAULT '{}'::uuid[],
    closed_at timestamp with time zone,
    resolution text,
    CONSTRAINT link_question_pkey PRIMARY KEY (property_id, prospect_id),
    CONSTRAINT link_question_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);
CREATE INDEX link_question_open ON domiq_sync.link_question (property_id) WHERE (closed_at IS NULL);

CREATE TABLE domiq_sync.notification (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    property_id uuid,
    change_id uuid,
    preference_id uuid,
    alert_id uuid,
    channel text NOT NULL,
    recipient text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    state text NOT NULL,
    state_reason text,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    read_at timestamp with time zone,
    rule_id uuid,
    template_id text,
    dedup_key text,
    urgent boolean NOT NULL DEFAULT false,
    is_digest boolean NOT NULL DEFAULT false,
    digest_id uuid,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    lease_token bigint,
    worker text,
    sending_at timestamp with time zone,
    settled_at timestamp with time zone,
    retried_at timestamp with time zone,
    CONSTRAINT notification_pkey PRIMARY KEY (id),
    CONSTRAINT notification_change_id_preference_id_recipient_key UNIQUE (change_id, preference_id, recipient),
    CONSTRAINT notification_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE,
    CONSTRAINT notification_channel_check CHECK ((channel = ANY (ARRAY['email'::text, 'sms'::text, 'slack'::text, 'in_app'::text, 'operator'::text]))),
    CONSTRAINT notification_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'in_flight'::text, 'delivered'::text, 'undeliverable'::text, 'unknown'::text, 'digested'::text, 'suppressed'::text])))
);
CREATE UNIQUE INDEX notification_dedup ON domiq_sync.notification (dedup_key);
CREATE INDEX notification_due ON domiq_sync.notification (channel, next_attempt_at) WHERE (state = ANY (ARRAY['pending'::text, 'in_flight'::text]));
CREATE INDEX notification_waiting ON domiq_sync.notification (channel, recipient, next_attempt_at) WHERE (state = 'pending'::text);
CREATE INDEX notification_told ON domiq_sync.notification (channel, recipient, settled_at) WHERE (state = ANY (ARRAY['delivered'::text, 'unknown'::text]));
CREATE INDEX notification_trouble ON domiq_sync.notification (settled_at) WHERE (state = ANY (ARRAY['undeliverable'::text, 'unknown'::text]));
CREATE INDEX notification_unread ON domiq_sync.notification (created_at) WHERE ((channel = 'in_app'::text) AND (state = 'delivered'::text) AND (read_at IS NULL));
CREATE INDEX notification_digest ON domiq_sync.notification (digest_id) WHERE (digest_id IS NOT NULL);
CREATE INDEX notification_alert ON domiq_sync.notification (alert_id) WHERE (alert_id IS NOT NULL);

CREATE TABLE domiq_sync.alert (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    property_id uuid,
    kind text NOT NULL,
    figures jsonb NOT NULL,
    opened_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamp with time zone,
    phase text NOT NULL DEFAULT 'open'::text,
    suspected_at timestamp with time zone NOT NULL,
    told_at timestamp with time zone,
    good_since timestamp with time zone,
    reopened integer NOT NULL DEFAULT 0,
    turns integer NOT NULL DEFAULT 0,
    scope text[] NOT NULL DEFAULT '{}'::text[],
    CONSTRAINT alert_pkey PRIMARY KEY (id),
    CONSTRAINT alert_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE,
    CONSTRAINT alert_phase_check CHECK ((phase = ANY (ARRAY['suspect'::text, 'open'::text, 'closed'::text])))
);
CREATE UNIQUE INDEX alert_live ON domiq_sync.alert (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid), kind) WHERE (phase <> 'closed'::text);
CREATE INDEX alert_closed ON domiq_sync.alert (closed_at) WHERE (phase = 'closed'::text);

CREATE TABLE domiq_sync.daily_total (
    day date NOT NULL,
    property text NOT NULL,
    sync_direction text,
    sync_status text,
    changes bigint NOT NULL
);
CREATE INDEX daily_total_day ON domiq_sync.daily_total (day);

CREATE TABLE domiq_sync.account_turn (
    resman_account_id text NOT NULL,
    turn integer NOT NULL,
    holder bigint NOT NULL,
    busy_until timestamp with time zone,
    CONSTRAINT account_turn_pkey PRIMARY KEY (resman_account_id, turn)
) WITH (fillfactor=50);

CREATE TABLE domiq_sync.missing_lead (
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    missed_reads integer NOT NULL DEFAULT 1,
    first_missed_at timestamp with time zone NOT NULL,
    last_missed_at timestamp with time zone NOT NULL,
    found_by_id_at timestamp with time zone,
    CONSTRAINT missing_lead_pkey PRIMARY KEY (property_id, prospect_id),
    CONSTRAINT missing_lead_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);

CREATE TABLE domiq_sync.link_decision (
    id bigint GENERATED ALWAYS AS IDENTITY,
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    user_id uuid,
    prospect_id text NOT NULL,
    verdict text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT link_decision_pkey PRIMARY KEY (id),
    CONSTRAINT link_decision_verdict_check CHECK ((verdict = ANY (ARRAY['same'::text, 'never'::text])))
);
CREATE INDEX link_decision_property ON domiq_sync.link_decision (property_id, id);

CREATE TABLE domiq_sync.closed_link (
    id bigint GENERATED ALWAYS AS IDENTITY,
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    prospect_id text NOT NULL,
    linked_by text NOT NULL,
    linked_at timestamp with time zone NOT NULL,
    agreed_domiq_status text,
    agreed_resman_status text,
    agreed_at timestamp with time zone,
    closed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    reason text NOT NULL,
    relinked_to text,
    CONSTRAINT closed_link_pkey PRIMARY KEY (id)
);
CREATE INDEX closed_link_conversation ON domiq_sync.closed_link (conversation_id, id);
CREATE INDEX closed_link_open ON domiq_sync.closed_link (property_id) WHERE (relinked_to IS NULL);
CREATE INDEX closed_link_prospect ON domiq_sync.closed_link (prospect_id);

CREATE TABLE domiq_sync.divergence (
    conversation_id uuid NOT NULL,
    property_id uuid NOT NULL,
    first_seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT divergence_pkey PRIMARY KEY (conversation_id)
);

CREATE TABLE domiq_sync.rule_run (
    change_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    property_id uuid NOT NULL,
    outcome text NOT NULL,
    why text NOT NULL,
    done jsonb NOT NULL,
    run_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT rule_run_pkey PRIMARY KEY (change_id, rule_id),
    CONSTRAINT rule_run_outcome_check CHECK ((outcome = ANY (ARRAY['ran'::text, 'skipped'::text, 'stopped'::text, 'failed'::text, 'invalid'::text]))),
    CONSTRAINT rule_run_change_id_fkey FOREIGN KEY (change_id) REFERENCES status_sync_log(id) ON DELETE CASCADE
);
CREATE INDEX rule_run_troubled ON domiq_sync.rule_run (property_id, run_at) WHERE (outcome = ANY (ARRAY['failed'::text, 'stopped'::text]));

CREATE TABLE domiq_sync.rule_not_held (
    change_id uuid NOT NULL,
    rule_ids uuid[] NOT NULL,
    which integer[] NOT NULL,
    whys text[] NOT NULL,
    CONSTRAINT rule_not_held_pkey PRIMARY KEY (change_id),
    CONSTRAINT rule_not_held_change_id_fkey FOREIGN KEY (change_id) REFERENCES status_sync_log(id) ON DELETE CASCADE
);

CREATE TABLE domiq_sync.task (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    kind text NOT NULL,
    property_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    change_id uuid NOT NULL,
    rule_id uuid NOT NULL,
    action integer NOT NULL,
    title text NOT NULL,
    detail text,
    assignee_role text,
    priority text NOT NULL,
    due_at timestamp with time zone,
    time_zone text,
    state text NOT NULL DEFAULT 'open'::text,
    state_changed_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT task_pkey PRIMARY KEY (id),
    CONSTRAINT task_kind_check CHECK ((kind = ANY (ARRAY['follow_up'::text, 'task'::text]))),
    CONSTRAINT task_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text, 'urgent'::text]))),
    CONSTRAINT task_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'cancelled'::text]))),
    CONSTRAINT task_change_id_rule_id_action_key UNIQUE (change_id, rule_id, action),
    CONSTRAINT task_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE,
    CONSTRAINT task_conversation_id_fkey FOREIGN KEY (conversation_id) REFERENCES conversation(id) ON DELETE CASCADE
);
CREATE INDEX task_open ON domiq_sync.task (property_id, due_at) WHERE (state = 'open'::text);
CREATE INDEX task_conversation ON domiq_sync.task (conversation_id);
COMMENT ON TABLE domiq_sync.task IS
    'Follow-ups and tasks that workflow rules made. DomIQ reads the open ones and sets state and state_changed_at; due_at AT TIME ZONE time_zone is when one falls due by the property''s clock';
COMMENT ON COLUMN domiq_sync.task.action IS
    'The place of what made it among the effects of its rule, from 1';

CREATE TABLE domiq_sync.notification_settings (
    property_id uuid NOT NULL,
    quiet_from time without time zone,
    quiet_until time without time zone,
    quiet_channels text[] NOT NULL DEFAULT '{email,sms,slack}'::text[],
    urgent_breaks_quiet boolean NOT NULL DEFAULT true,
    most_single integer NOT NULL DEFAULT 5,
    window_minutes integer NOT NULL DEFAULT 15,
    CONSTRAINT notification_settings_pkey PRIMARY KEY (property_id),
    CONSTRAINT notification_settings_most_single_check CHECK ((most_single >= 1)),
    CONSTRAINT notification_settings_window_minutes_check CHECK ((window_minutes >= 1)),
    CONSTRAINT notification_settings_check CHECK (((quiet_from IS NULL) = (quiet_until IS NULL))),
    CONSTRAINT notification_settings_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);

CREATE TABLE domiq_sync.channel (
    channel text NOT NULL,
    min_interval_ms integer NOT NULL,
    next_send_at timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone,
    consecutive_failures integer NOT NULL DEFAULT 0,
    open_until timestamp with time zone,
    open_reason text,
    CONSTRAINT channel_pkey PRIMARY KEY (channel),
    CONSTRAINT channel_min_interval_ms_check CHECK ((min_interval_ms >= 0))
);

CREATE TABLE domiq_sync.threshold (
    property_id uuid,
    lowest_success_rate double precision,
    most_failures integer,
    least_volume integer,
    least_failures integer,
    window_hours double precision,
    oldest_pending_minutes double precision,
    most_diverged integer,
    diverged_minutes double precision,
    no_pull_minutes double precision,
    no_push_minutes double precision,
    recover_minutes double precision,
    reopen_minutes double precision,
    reminder_hours double precision,
    set_by text,
    set_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT threshold_lowest_success_rate_check CHECK (((lowest_success_rate >= (0)::double precision) AND (lowest_success_rate <= (100)::double precision))),
    CONSTRAINT threshold_most_failures_check CHECK ((most_failures >= 0)),
    CONSTRAINT threshold_least_volume_check CHECK ((least_volume >= 1)),
    CONSTRAINT threshold_least_failures_check CHECK ((least_failures >= 1)),
    CONSTRAINT threshold_window_hours_check CHECK (((window_hours > (0)::double precision) AND (window_hours <= (8760)::double precision))),
    CONSTRAINT threshold_oldest_pending_minutes_check CHECK (((oldest_pending_minutes > (0)::double precision) AND (oldest_pending_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_most_diverged_check CHECK ((most_diverged >= 0)),
    CONSTRAINT threshold_diverged_minutes_check CHECK (((diverged_minutes >= (0)::double precision) AND (diverged_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_no_pull_minutes_check CHECK (((no_pull_minutes > (0)::double precision) AND (no_pull_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_no_push_minutes_check CHECK (((no_push_minutes > (0)::double precision) AND (no_push_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_recover_minutes_check CHECK (((recover_minutes >= (0)::double precision) AND (recover_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_reopen_minutes_check CHECK (((reopen_minutes >= (0)::double precision) AND (reopen_minutes <= (525600)::double precision))),
    CONSTRAINT threshold_reminder_hours_check CHECK (((reminder_hours > (0)::double precision) AND (reminder_hours <= (8760)::double precision))),
    CONSTRAINT threshold_property_id_fkey FOREIGN KEY (property_id) REFERENCES property(id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX threshold_key ON domiq_sync.threshold (COALESCE(property_id, '00000000-0000-0000-0000-000000000000'::uuid));

CREATE TABLE domiq_sync.alert_turn (
    alert_id uuid NOT NULL,
    n integer NOT NULL,
    turn text NOT NULL,
    said_at timestamp with time zone NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    CONSTRAINT alert_turn_pkey PRIMARY KEY (alert_id, n),
    CONSTRAINT alert_turn_turn_check CHECK ((turn = ANY (ARRAY['opened'::text, 'reopened'::text, 'widened'::text, 'reminder'::text, 'recovered'::text, 'retired'::text]))),
    CONSTRAINT alert_turn_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES domiq_sync.alert(id) ON DELETE CASCADE
);

CREATE TABLE domiq_sync.alert_watch (
    only_row boolean NOT NULL DEFAULT true,
    looked_at timestamp with time zone NOT NULL,
    CONSTRAINT alert_watch_pkey PRIMARY KEY (only_row),
    CONSTRAINT alert_watch_only_row_check CHECK (only_row)
);

CREATE TABLE domiq_sync.alert_complaint (
    notification_id uuid NOT NULL,
    settled_at timestamp with time zone NOT NULL,
    CONSTRAINT alert_complaint_pkey PRIMARY KEY (notification_id, settled_at),
    CONSTRAINT alert_complaint_notification_id_fkey FOREIGN KEY (notification_id) REFERENCES domiq_sync.notification(id) ON DELETE CASCADE
);

CREATE TABLE domiq_sync.alembic_version (
    version_num character varying(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE VIEW domiq_sync.conversation_property AS
SELECT c.id AS conversation_id,
    b.property_id
   FROM (conversation c
     LEFT JOIN chatbot b ON ((b.id = c.chatbot_id)));

CREATE VIEW domiq_sync.rule_decision AS
SELECT rule_run.change_id,
    rule_run.rule_id,
        CASE
            WHEN (rule_run.outcome <> ALL (ARRAY['failed'::text, 'invalid'::text])) THEN true
            ELSE NULL::boolean
        END AS held,
    rule_run.outcome,
    rule_run.why,
    rule_run.done
   FROM domiq_sync.rule_run
UNION ALL
 SELECT n.change_id,
    r.rule_id,
    false AS held,
    'not_held'::text AS outcome,
    n.whys[r.which] AS why,
    '{}'::jsonb AS done
   FROM (domiq_sync.rule_not_held n
     CROSS JOIN LATERAL UNNEST(n.rule_ids, n.which) r(rule_id, which));
COMMENT ON VIEW domiq_sync.rule_decision IS 'What each rule decided about each change that triggered it, why, and what it did';

CREATE VIEW public.status_sync_success_rate AS
SELECT b.property_id,
    (((count(*) FILTER (WHERE ((ssl.sync_status)::text = 'success'::text)))::double precision / (NULLIF(count(*), 0))::double precision) * (100)::double precision) AS sync_success_rate,
    count(*) FILTER (WHERE ((ssl.sync_status)::text = 'failed'::text)) AS failed_status_updates
   FROM ((conversation c
     LEFT JOIN chatbot b ON ((b.id = c.chatbot_id)))
     JOIN status_sync_log ssl ON ((ssl.conversation_id = c.id)))
  GROUP BY b.property_id;

CREATE FUNCTION domiq_sync.lead_status(of_property uuid, of_status text)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT m.lead_status FROM domiq_sync.domiq_status_map m
            WHERE m.domiq_status = of_status AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY m.property_id NULLS LAST LIMIT 1);
END $$;

CREATE FUNCTION domiq_sync.property_of(of_conversation uuid)
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO pg_catalog, pg_temp
 SET enable_seqscan TO 'off'
AS $$
BEGIN
    RETURN (SELECT p.property_id FROM domiq_sync.conversation_property p
            WHERE p.conversation_id = of_conversation);
END $$;

CREATE FUNCTION domiq_sync.adopt_change(of_change uuid, of_conversation uuid, direction text, status text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO pg_catalog, pg_temp
 SET enable_seqscan TO 'off'
AS $$
DECLARE
    its_property UUID := domiq_sync.property_of(of_conversation);
    its_seq BIGINT;
    its_lane UUID := COALESCE(of_conversation, of_change);
    is_in_turn BOOLEAN := COALESCE(current_setting('domiq_sync.captured', true) = of_conversation::text, FALSE);
BEGIN
    INSERT INTO domiq_sync.change (change_id, conversation_id, property_id)
    VALUES (of_change, of_conversation, its_property)
    ON CONFLICT (change_id) DO NOTHING
    RETURNING seq INTO its_seq;
    IF direction = 'to_resman' AND status = 'pending' THEN
        IF its_seq IS NULL THEN
            SELECT c.seq INTO its_seq FROM domiq_sync.change c WHERE c.change_id = of_change;
            is_in_turn := FALSE;
        END IF;
        INSERT INTO domiq_sync.delivery (change_id, seq, lane, property_id, in_turn, is_head)
        VALUES (of_change, its_seq, its_lane, its_property, is_in_turn,
                NOT EXISTS (SELECT FROM domiq_sync.delivery d WHERE d.lane = its_lane))
        ON CONFLICT (change_id) DO NOTHING;
    END IF;
END $$;

CREATE FUNCTION domiq_sync.on_change_logged()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO pg_catalog, pg_temp
 SET lock_timeout TO '1s'
 SET enable_seqscan TO 'off'
AS $$
BEGIN
    PERFORM domiq_sync.adopt_change(NEW.id, NEW.conversation_id, NEW.sync_direction, NEW.sync_status);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: change % is logged but not queued (%); reconciliation will queue it',
        NEW.id, SQLERRM;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.capture_status()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO pg_catalog, pg_temp
 SET lock_timeout TO '1s'
 SET enable_seqscan TO 'off'
AS $$
DECLARE
    its_property UUID;
    before TEXT;
    named_by CONSTANT TEXT := current_setting('domiq_sync.updated_by', true);
BEGIN
    IF current_setting('domiq_sync.origin', true) = 'resman' THEN
        RETURN NULL;
    END IF;
    its_property := domiq_sync.property_of(NEW.id);
    IF domiq_sync.lead_status(its_property, NEW.status) IS NULL
       OR EXISTS (SELECT FROM domiq_sync.integration i
                  WHERE i.property_id = its_property AND i.sync_direction = 'from_resman') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        before := domiq_sync.close_chain(NEW.id, its_property, OLD.status,
                                         'found when the next change was captured, which overtook it');
    END IF;
    PERFORM set_config('domiq_sync.captured', NEW.id::text, true);
    INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status,
                                        updated_by, sync_direction, sync_status)
    VALUES (NEW.id,
            (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = NEW.id),
            before, NEW.status,
            CASE WHEN named_by IN ('resman_user', 'system') THEN named_by ELSE 'chatbot' END,
            'to_resman', 'pending');
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: the status of conversation % was not captured (%); reconciliation will find it',
        NEW.id, SQLERRM;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.fill_integration()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    slug TEXT;
BEGIN
    INSERT INTO domiq_sync.account (resman_account_id) VALUES (NEW.resman_account_id)
    ON CONFLICT DO NOTHING;
    IF NEW.partition_key IS NULL THEN
        SELECT trim(BOTH '-' FROM regexp_replace(lower(p.name), '[^a-z0-9]+', '-', 'g')) INTO slug
        FROM public.property p WHERE p.id = NEW.property_id;
        slug := COALESCE(NULLIF(slug, ''), 'property');
        IF EXISTS (SELECT FROM domiq_sync.integration i
                   WHERE i.partition_key = slug AND i.property_id <> NEW.property_id) THEN
            slug := slug || '-' || left(NEW.property_id::text, 8);
        END IF;
        NEW.partition_key := slug;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION domiq_sync.forget_leads()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO pg_catalog
AS $$
BEGIN
    DELETE FROM domiq_sync.resman_lead r
    WHERE r.property_id = OLD.property_id
      AND NOT EXISTS (SELECT FROM public.property p WHERE p.id = OLD.property_id);
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.resman_covers(of_property uuid, of_status text)
 RETURNS text[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT m.covers FROM domiq_sync.resman_status_map m
            WHERE m.resman_status IN (of_status, split_part(of_status, '/', 1))
              AND (m.property_id = of_property OR m.property_id IS NULL)
            ORDER BY m.resman_status = of_status DESC, m.property_id NULLS LAST LIMIT 1);
END $$;
COMMENT ON FUNCTION domiq_sync.resman_covers IS
    'The lead statuses that a ResMan status covers at a property; NULL for a word that has no meaning there';

CREATE FUNCTION domiq_sync.check_status_map()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT TEXT[] := '{new,contacted,qualified,tour_scheduled,application,leased,lost}';
    milestones CONSTANT TEXT[] := '{Applicant/Approved,Applicant/LeaseSigned,Applicant/MovedIn,Applicant/Denied,Applicant/Cancelled,Resident/Former,Resident/Evicted}';
    stranger TEXT;
BEGIN
    IF TG_TABLE_NAME = 'domiq_status_map' THEN
        IF NEW.lead_status <> ALL (known) THEN
            RAISE EXCEPTION 'The row for DomIQ''s status "%" names the lead status "%", which there is not: use one of %.',
                NEW.domiq_status, NEW.lead_status, array_to_string(known, ', ') USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.event_type = '' OR (lower(NEW.event_type) IN ('cancel', 'reactivate') AND NEW.lead_status <> 'lost') THEN
            RAISE EXCEPTION 'The row for DomIQ''s status "%" would post the event "%", which says something else at ResMan: use Contact, Other, Appointment or another event that only tells.',
                NEW.domiq_status, NEW.event_type USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    SELECT string_agg(quote_ident(s), ', ') INTO stranger
    FROM unnest(NEW.covers) s WHERE s IS NULL OR s <> ALL (known);
    IF stranger IS NOT NULL OR cardinality(NEW.covers) = 0 THEN
        RAISE EXCEPTION 'The row for ResMan''s status "%" covers %, which is no lead status: use some of %.',
            NEW.resman_status, COALESCE(stranger, 'nothing'), array_to_string(known, ', ') USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.sets <> ALL (NEW.covers) THEN
        RAISE EXCEPTION 'The row for ResMan''s status "%" sets "%", which it does not cover: what it sets must be one of %.',
            NEW.resman_status, NEW.sets, array_to_string(NEW.covers, ', ') USING ERRCODE = 'check_violation';
    END IF;
    IF position('/' IN NEW.resman_status) > 0 AND NEW.resman_status <> ALL (milestones) THEN
        RAISE EXCEPTION 'No lease milestone is called "%": use one of %, or a status alone.',
            NEW.resman_status, array_to_string(milestones, ', ') USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION domiq_sync.on_status_map_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO pg_catalog, pg_temp
AS $$
DECLARE
    word CONSTANT TEXT := CASE WHEN TG_OP = 'DELETE' THEN OLD.resman_status ELSE NEW.resman_status END;
    place CONSTANT UUID := CASE WHEN TG_OP = 'DELETE' THEN OLD.property_id ELSE NEW.property_id END;
    covered TEXT[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT m.covers INTO covered FROM domiq_sync.resman_status_map m
        WHERE m.resman_status IN (word, split_part(word, '/', 1))
          AND (m.property_id = place OR m.property_id IS NULL)
          AND (m.resman_status, m.property_id) IS DISTINCT FROM (word, place)
        ORDER BY m.resman_status = word DESC, m.property_id NULLS LAST LIMIT 1;
    ELSE
        covered := OLD.covers;
    END IF;
    UPDATE domiq_sync.lead_link l SET agreed_resman_status = ''
    WHERE (place IS NULL OR l.property_id = place) AND l.is_current
      AND (l.agreed_resman_status = word OR split_part(l.agreed_resman_status, '/', 1) = word)
      AND domiq_sync.lead_status(l.property_id, l.agreed_domiq_status) = ANY (covered)
      AND domiq_sync.lead_status(l.property_id, l.agreed_domiq_status)
          <> ALL (COALESCE(domiq_sync.resman_covers(l.property_id, l.agreed_resman_status), '{}'));
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.on_link_closed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO pg_catalog, pg_temp
 SET lock_timeout TO '1s'
 SET enable_seqscan TO 'off'
AS $$
DECLARE
    why TEXT := COALESCE(NULLIF(current_setting('domiq_sync.link_reason', true), ''), 'the link was closed');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        why := 'a newer conversation of the lead speaks for it';
    ELSE
        IF NOT EXISTS (SELECT FROM public.conversation c WHERE c.id = OLD.conversation_id) THEN
            why := 'the conversation was deleted';
        END IF;
        INSERT INTO domiq_sync.closed_link (conversation_id, property_id, prospect_id, linked_by, linked_at,
                                            agreed_domiq_status, agreed_resman_status, agreed_at, reason)
        VALUES (OLD.conversation_id, OLD.property_id, OLD.prospect_id, OLD.linked_by, OLD.linked_at,
                OLD.agreed_domiq_status, OLD.agreed_resman_status, OLD.agreed_at, why);
    END IF;
    UPDATE domiq_sync.conflict SET resolved_at = clock_timestamp(), resolution = why
    WHERE conversation_id = OLD.conversation_id AND resolved_at IS NULL;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'domiq_sync: the end of the link of conversation % is not on record (%)',
        OLD.conversation_id, SQLERRM;
    RETURN NULL;
END $$;

CREATE FUNCTION domiq_sync.close_chain(of_conversation uuid, of_property uuid, stood_at text, how text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO pg_catalog, pg_temp
 SET enable_seqscan TO 'off'
AS $$
DECLARE
    last_logged TEXT;
BEGIN
    SELECT g.new_status INTO last_logged
    FROM domiq_sync.change ch JOIN public.status_sync_log g ON g.id = ch.change_id
    WHERE ch.conversation_id = of_conversation ORDER BY ch.seq DESC LIMIT 1;
    IF last_logged IS NULL OR last_logged = stood_at THEN
        RETURN stood_at;
    END IF;
    IF domiq_sync.lead_status(of_property, stood_at) IS NULL THEN
        RETURN last_logged;
    END IF;
    INSERT INTO public.status_sync_log (conversation_id, resman_lead_id, old_status, new_status, status_reason,
                                        updated_by, sync_direction, sync_status, context_data)
    VALUES (of_conversation,
            (SELECT l.prospect_id FROM domiq_sync.lead_link l WHERE l.conversation_id = of_conversation),
            last_logged, stood_at, 'no change was logged for it', 'system', 'to_resman', 'success',
            jsonb_build_object('sync', jsonb_build_object('outcome', 'superseded', 'reason', how)));
    RETURN stood_at;
EXCEPTION WHEN OTHERS THEN  -- the next row is logged all the same
    RETURN stood_at;
END $$;

CREATE FUNCTION domiq_sync.note_switching()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.sync_enabled AND NOT OLD.sync_enabled THEN
        NEW.enabled_at := clock_timestamp();
    END IF;
    IF (NEW.resman_account_id, NEW.resman_property_id) <> (OLD.resman_account_id, OLD.resman_property_id) THEN
        DELETE FROM domiq_sync.watermark w WHERE w.property_id = NEW.property_id;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER domiq_sync_change_logged AFTER INSERT ON public.status_sync_log
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_change_logged();
CREATE TRIGGER fill_integration BEFORE INSERT OR UPDATE ON domiq_sync.integration
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.fill_integration();
CREATE TRIGGER forget_leads AFTER DELETE ON domiq_sync.integration
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.forget_leads();
CREATE TRIGGER check_status_map BEFORE INSERT OR UPDATE ON domiq_sync.domiq_status_map
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.check_status_map();
CREATE TRIGGER check_status_map BEFORE INSERT OR UPDATE ON domiq_sync.resman_status_map
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.check_status_map();
CREATE TRIGGER status_map_changed AFTER INSERT OR DELETE OR UPDATE ON domiq_sync.resman_status_map
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_status_map_changed();
CREATE TRIGGER link_closed AFTER DELETE ON domiq_sync.lead_link
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.on_link_closed();
CREATE TRIGGER link_stepped_back AFTER UPDATE OF is_current ON domiq_sync.lead_link
    FOR EACH ROW WHEN ((old.is_current AND (NOT new.is_current))) EXECUTE FUNCTION domiq_sync.on_link_closed();
CREATE TRIGGER note_switching BEFORE UPDATE ON domiq_sync.integration
    FOR EACH ROW EXECUTE FUNCTION domiq_sync.note_switching();
CREATE TRIGGER domiq_sync_capture_insert AFTER INSERT ON public.conversation
    FOR EACH ROW WHEN ((new.status IS NOT NULL)) EXECUTE FUNCTION domiq_sync.capture_status();
CREATE TRIGGER domiq_sync_capture_update AFTER UPDATE ON public.conversation
    FOR EACH ROW WHEN (((old.status)::text IS DISTINCT FROM (new.status)::text)) EXECUTE FUNCTION domiq_sync.capture_status();

INSERT INTO domiq_sync.domiq_status_map (property_id, domiq_status, lead_status, event_type) VALUES
    (NULL, 'new', 'new', 'Contact'),
    (NULL, 'contacted', 'contacted', 'Contact'),
    (NULL, 'qualified', 'qualified', 'Other'),
    (NULL, 'tour_scheduled', 'tour_scheduled', 'Appointment'),
    (NULL, 'application', 'application', 'Application'),
    (NULL, 'leased', 'leased', 'Other'),
    (NULL, 'lost', 'lost', 'Cancel'),
    (NULL, 'initial_contact', 'new', 'Contact'),
    (NULL, 'engaged', 'contacted', 'Contact'),
    (NULL, 'follow_up_needed', 'contacted', 'Contact'),
    (NULL, 'tour_booked', 'tour_scheduled', 'Appointment'),
    (NULL, 'application_started', 'application', 'Application');

INSERT INTO domiq_sync.resman_status_map (property_id, resman_status, covers, sets) VALUES
    (NULL, 'Prospect', '{new,contacted,qualified,tour_scheduled}', 'contacted'),
    (NULL, 'Applicant', '{application}', 'application'),
    (NULL, 'Resident', '{leased}', 'leased'),
    (NULL, 'Lost', '{lost}', 'lost'),
    (NULL, 'Applicant/LeaseSigned', '{leased}', 'leased'),
    (NULL, 'Applicant/MovedIn', '{leased}', 'leased'),
    (NULL, 'Applicant/Denied', '{application,lost}', 'application'),
    (NULL, 'Applicant/Cancelled', '{application,lost}', 'application');

INSERT INTO domiq_sync.channel (channel, min_interval_ms) VALUES
    ('email', 200),
    ('sms', 1000),
    ('slack', 1100),
    ('operator', 1000),
    ('in_app', 0);

INSERT INTO domiq_sync.alembic_version (version_num) VALUES
    ('0014');
