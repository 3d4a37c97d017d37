-- What the tables of 008_rules.sql and 009_notifications.sql hold.

COMMENT ON TABLE domiq_sync.rule_run IS
'What became of a workflow rule whose conditions held, or that could not be asked';
COMMENT ON COLUMN domiq_sync.rule_run.change_id IS -- uuid NOT NULL
'The change that triggered the rule.';
COMMENT ON COLUMN domiq_sync.rule_run.rule_id IS -- uuid NOT NULL
'The rule.';
COMMENT ON COLUMN domiq_sync.rule_run.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.rule_run.outcome IS -- text NOT NULL
'ran, skipped, stopped, failed or invalid.';
COMMENT ON COLUMN domiq_sync.rule_run.why IS -- text NOT NULL
'Why.';
COMMENT ON COLUMN domiq_sync.rule_run.done IS -- jsonb NOT NULL
'What it did, counted.';
COMMENT ON COLUMN domiq_sync.rule_run.run_at IS -- timestamp with time zone NOT NULL
'When.';

COMMENT ON TABLE domiq_sync.rule_not_held IS
'The rules that a change triggered and whose conditions did not hold, a row a change';
COMMENT ON COLUMN domiq_sync.rule_not_held.change_id IS -- uuid NOT NULL
'The change that triggered them.';
COMMENT ON COLUMN domiq_sync.rule_not_held.rule_ids IS -- uuid[] NOT NULL
'The rules.';
COMMENT ON COLUMN domiq_sync.rule_not_held.which IS -- integer[] NOT NULL
'For each rule, the place of its reason among whys, from 1.';
COMMENT ON COLUMN domiq_sync.rule_not_held.whys IS -- text[] NOT NULL
'The reasons.';

COMMENT ON VIEW domiq_sync.rule_decision IS
'What each rule decided about each change that triggered it, why, and what it did';
COMMENT ON COLUMN domiq_sync.rule_decision.change_id IS -- uuid
'The change that triggered the rule.';
COMMENT ON COLUMN domiq_sync.rule_decision.rule_id IS -- uuid
'The rule.';
COMMENT ON COLUMN domiq_sync.rule_decision.held IS -- boolean
'Whether its conditions held; empty: they could not be asked.';
COMMENT ON COLUMN domiq_sync.rule_decision.outcome IS -- text
'ran, skipped, stopped, failed, invalid or not_held.';
COMMENT ON COLUMN domiq_sync.rule_decision.why IS -- text
'Why.';
COMMENT ON COLUMN domiq_sync.rule_decision.done IS -- jsonb
'What it did, counted.';

COMMENT ON TABLE domiq_sync.task IS
'Follow-ups and tasks that workflow rules made. DomIQ reads the open ones and sets state and state_changed_at; '
'due_at AT TIME ZONE time_zone is when one falls due by the property''s clock';
COMMENT ON COLUMN domiq_sync.task.id IS -- uuid NOT NULL
'The task.';
COMMENT ON COLUMN domiq_sync.task.kind IS -- text NOT NULL
'follow_up or task.';
COMMENT ON COLUMN domiq_sync.task.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.task.conversation_id IS -- uuid NOT NULL
'The conversation that it is about.';
COMMENT ON COLUMN domiq_sync.task.change_id IS -- uuid NOT NULL
'The change that triggered the rule.';
COMMENT ON COLUMN domiq_sync.task.rule_id IS -- uuid NOT NULL
'The rule that made it.';
COMMENT ON COLUMN domiq_sync.task.action IS -- integer NOT NULL
'The place of what made it among the effects of its rule, from 1.';
COMMENT ON COLUMN domiq_sync.task.title IS -- text NOT NULL
'What is to be done.';
COMMENT ON COLUMN domiq_sync.task.detail IS -- text
'More about it.';
COMMENT ON COLUMN domiq_sync.task.assignee_role IS -- text
'Whose it is: a role of property_manager.';
COMMENT ON COLUMN domiq_sync.task.priority IS -- text NOT NULL
'low, medium, high or urgent.';
COMMENT ON COLUMN domiq_sync.task.due_at IS -- timestamp with time zone
'When it falls due.';
COMMENT ON COLUMN domiq_sync.task.time_zone IS -- text
'The property''s time zone, IANA name.';
COMMENT ON COLUMN domiq_sync.task.state IS -- text NOT NULL
'open, done or cancelled; DomIQ sets it.';
COMMENT ON COLUMN domiq_sync.task.state_changed_at IS -- timestamp with time zone
'When DomIQ set it.';
COMMENT ON COLUMN domiq_sync.task.created_at IS -- timestamp with time zone NOT NULL
'When it was made.';

COMMENT ON TABLE domiq_sync.notification IS
'Notices to people about changes and alerts: the outbox';
COMMENT ON COLUMN domiq_sync.notification.id IS -- uuid NOT NULL
'The notice.';
COMMENT ON COLUMN domiq_sync.notification.property_id IS -- uuid
'The property that it is about.';
COMMENT ON COLUMN domiq_sync.notification.change_id IS -- uuid
'The change that it tells of.';
COMMENT ON COLUMN domiq_sync.notification.preference_id IS -- uuid
'The preference that asked for it.';
COMMENT ON COLUMN domiq_sync.notification.rule_id IS -- uuid
'The workflow rule that asked for it.';
COMMENT ON COLUMN domiq_sync.notification.alert_id IS -- uuid
'The alert that it tells of.';
COMMENT ON COLUMN domiq_sync.notification.dedup_key IS -- text
'Of two notices with the same one the second is not written.';
COMMENT ON COLUMN domiq_sync.notification.channel IS -- text NOT NULL
'email, sms, slack, in_app or operator.';
COMMENT ON COLUMN domiq_sync.notification.recipient IS -- text NOT NULL
'An address, or a role that becomes addresses when it is sent.';
COMMENT ON COLUMN domiq_sync.notification.template_id IS -- text
'The template that was asked for.';
COMMENT ON COLUMN domiq_sync.notification.urgent IS -- boolean NOT NULL
'Whether it may break quiet hours.';
COMMENT ON COLUMN domiq_sync.notification.is_digest IS -- boolean NOT NULL
'Whether it tells of several at once.';
COMMENT ON COLUMN domiq_sync.notification.digest_id IS -- uuid
'The digest that tells of it instead.';
COMMENT ON COLUMN domiq_sync.notification.subject IS -- text NOT NULL
'Empty where it is put in words when it is sent.';
COMMENT ON COLUMN domiq_sync.notification.body IS -- text NOT NULL
'Empty where it is put in words when it is sent.';
COMMENT ON COLUMN domiq_sync.notification.state IS -- text NOT NULL
'pending or in_flight; then delivered, undeliverable, unknown, digested or suppressed.';
COMMENT ON COLUMN domiq_sync.notification.state_reason IS -- text
'Why it ended so.';
COMMENT ON COLUMN domiq_sync.notification.attempts IS -- integer NOT NULL
'How often it was tried.';
COMMENT ON COLUMN domiq_sync.notification.next_attempt_at IS -- timestamp with time zone NOT NULL
'When it may be claimed; in flight: when the lease ends.';
COMMENT ON COLUMN domiq_sync.notification.lease_token IS -- bigint
'The fencing token of whoever sends it.';
COMMENT ON COLUMN domiq_sync.notification.worker IS -- text
'Who sends it.';
COMMENT ON COLUMN domiq_sync.notification.created_at IS -- timestamp with time zone NOT NULL
'When it was written.';
COMMENT ON COLUMN domiq_sync.notification.sending_at IS -- timestamp with time zone
'When its channel was last asked.';
COMMENT ON COLUMN domiq_sync.notification.settled_at IS -- timestamp with time zone
'When it ended.';
COMMENT ON COLUMN domiq_sync.notification.retried_at IS -- timestamp with time zone
'When somebody asked for it again.';
COMMENT ON COLUMN domiq_sync.notification.read_at IS -- timestamp with time zone
'When somebody read it in DomIQ.';
COMMENT ON COLUMN domiq_sync.notification.report_id IS -- uuid
'The page of the report that goes with it.';

COMMENT ON TABLE domiq_sync.notification_settings IS
'When people of a property are not to be disturbed, and how many notices they want one by one';
COMMENT ON COLUMN domiq_sync.notification_settings.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.notification_settings.quiet_from IS -- time without time zone
'When quiet hours begin, by the property''s clock; later than quiet_until: over midnight.';
COMMENT ON COLUMN domiq_sync.notification_settings.quiet_until IS -- time without time zone
'When they end.';
COMMENT ON COLUMN domiq_sync.notification_settings.quiet_channels IS -- text[] NOT NULL
'The channels that they hold for.';
COMMENT ON COLUMN domiq_sync.notification_settings.urgent_breaks_quiet IS -- boolean NOT NULL
'Whether urgent notices go at once all the same.';
COMMENT ON COLUMN domiq_sync.notification_settings.most_single IS -- integer NOT NULL
'More notices than this to one address within the window become one digest.';
COMMENT ON COLUMN domiq_sync.notification_settings.window_minutes IS -- integer NOT NULL
'How long that window is.';

COMMENT ON TABLE domiq_sync.channel IS
'The pace of each channel of notices, and its pause after an outage; shared by all workers';
COMMENT ON COLUMN domiq_sync.channel.channel IS -- text NOT NULL
'email, sms, slack, in_app or operator.';
COMMENT ON COLUMN domiq_sync.channel.min_interval_ms IS -- integer NOT NULL
'The least time between two messages.';
COMMENT ON COLUMN domiq_sync.channel.next_send_at IS -- timestamp with time zone NOT NULL
'When the next one may go.';
COMMENT ON COLUMN domiq_sync.channel.consecutive_failures IS -- integer NOT NULL
'How many failed in a row.';
COMMENT ON COLUMN domiq_sync.channel.open_until IS -- timestamp with time zone
'Until when it is paused.';
COMMENT ON COLUMN domiq_sync.channel.open_reason IS -- text
'Why.';
