-- What the tables of 010_alerts.sql and 011_workers.sql hold, and other tables about how the sync itself fares.

COMMENT ON TABLE domiq_sync.threshold IS
'When a property is past its threshold; what is NULL here and in the default row is as shipped';
COMMENT ON COLUMN domiq_sync.threshold.id IS -- bigint NOT NULL
'The row.';
COMMENT ON COLUMN domiq_sync.threshold.property_id IS -- uuid
'The property; NULL: the default for all, which a property''s own row overrides field by field.';
COMMENT ON COLUMN domiq_sync.threshold.lowest_success_rate IS -- double precision
'Fewer successes than this, in percent, are bad.';
COMMENT ON COLUMN domiq_sync.threshold.most_failures IS -- integer
'More failures than this are bad.';
COMMENT ON COLUMN domiq_sync.threshold.least_volume IS -- integer
'Settled changes in the window from which on a rate says something.';
COMMENT ON COLUMN domiq_sync.threshold.least_failures IS -- integer
'Failures in the window from which on a rate says something.';
COMMENT ON COLUMN domiq_sync.threshold.window_hours IS -- double precision
'How far back changes count.';
COMMENT ON COLUMN domiq_sync.threshold.oldest_pending_minutes IS -- double precision
'A change may be pending for so long.';
COMMENT ON COLUMN domiq_sync.threshold.most_diverged IS -- integer
'So many linked leads may disagree.';
COMMENT ON COLUMN domiq_sync.threshold.diverged_minutes IS -- double precision
'For so long.';
COMMENT ON COLUMN domiq_sync.threshold.no_pull_minutes IS -- double precision
'The last good pull may be so old.';
COMMENT ON COLUMN domiq_sync.threshold.no_push_minutes IS -- double precision
'For so long a change may be due with nothing asked of its account.';
COMMENT ON COLUMN domiq_sync.threshold.recover_minutes IS -- double precision
'All has to look good for so long before an incident is over.';
COMMENT ON COLUMN domiq_sync.threshold.reopen_minutes IS -- double precision
'What is back within this time is the same incident.';
COMMENT ON COLUMN domiq_sync.threshold.reminder_hours IS -- double precision
'After so long people are told once more.';
COMMENT ON COLUMN domiq_sync.threshold.set_by IS -- text
'Who set it.';
COMMENT ON COLUMN domiq_sync.threshold.set_at IS -- timestamp with time zone NOT NULL
'When.';

COMMENT ON TABLE domiq_sync.alert IS
'Incidents, of a property or of a cause that several share';
COMMENT ON COLUMN domiq_sync.alert.id IS -- uuid NOT NULL
'The incident.';
COMMENT ON COLUMN domiq_sync.alert.property_id IS -- uuid
'The property; NULL: a cause that several properties share.';
COMMENT ON COLUMN domiq_sync.alert.kind IS -- text NOT NULL
'What is bad: failed_sync, oldest_pending, divergence, no_pull, no_push, resman_down, credentials, ...';
COMMENT ON COLUMN domiq_sync.alert.phase IS -- text NOT NULL
'suspect (bad, but not for long enough that people were told), open or closed.';
COMMENT ON COLUMN domiq_sync.alert.figures IS -- jsonb NOT NULL
'The figures by which it is bad.';
COMMENT ON COLUMN domiq_sync.alert.scope IS -- text[] NOT NULL
'The accounts or properties that people were told of.';
COMMENT ON COLUMN domiq_sync.alert.opened_at IS -- timestamp with time zone NOT NULL
'When it turned bad.';
COMMENT ON COLUMN domiq_sync.alert.suspected_at IS -- timestamp with time zone NOT NULL
'When it last did.';
COMMENT ON COLUMN domiq_sync.alert.told_at IS -- timestamp with time zone
'When people were last told of it.';
COMMENT ON COLUMN domiq_sync.alert.turns IS -- integer NOT NULL
'How often they were told.';
COMMENT ON COLUMN domiq_sync.alert.good_since IS -- timestamp with time zone
'Since when it looks good; it is closed when that has lasted.';
COMMENT ON COLUMN domiq_sync.alert.closed_at IS -- timestamp with time zone
'When it was over.';
COMMENT ON COLUMN domiq_sync.alert.reopened IS -- integer NOT NULL
'How often it came back.';

COMMENT ON TABLE domiq_sync.alert_turn IS
'What people were told of an incident, and when';
COMMENT ON COLUMN domiq_sync.alert_turn.alert_id IS -- uuid NOT NULL
'The incident.';
COMMENT ON COLUMN domiq_sync.alert_turn.n IS -- integer NOT NULL
'Which message of it, from 1.';
COMMENT ON COLUMN domiq_sync.alert_turn.turn IS -- text NOT NULL
'opened, reopened, widened, reminder, recovered or retired.';
COMMENT ON COLUMN domiq_sync.alert_turn.said_at IS -- timestamp with time zone NOT NULL
'When.';
COMMENT ON COLUMN domiq_sync.alert_turn.subject IS -- text NOT NULL
'The message''s subject.';
COMMENT ON COLUMN domiq_sync.alert_turn.body IS -- text NOT NULL
'The message.';

COMMENT ON TABLE domiq_sync.alert_watch IS
'When the alerts were last evaluated; long ago: nothing was running';
COMMENT ON COLUMN domiq_sync.alert_watch.only_row IS -- boolean NOT NULL
'There is one row.';
COMMENT ON COLUMN domiq_sync.alert_watch.looked_at IS -- timestamp with time zone NOT NULL
'When.';

COMMENT ON TABLE domiq_sync.alert_complaint IS
'Which messages of alerts that could not be sent were complained of';
COMMENT ON COLUMN domiq_sync.alert_complaint.notification_id IS -- uuid NOT NULL
'The message, a row of domiq_sync.notification.';
COMMENT ON COLUMN domiq_sync.alert_complaint.settled_at IS -- timestamp with time zone NOT NULL
'When it ended so.';

COMMENT ON TABLE domiq_sync.worker IS
'Who works on the sync, and when they were last known to be alive';
COMMENT ON COLUMN domiq_sync.worker.name IS -- text NOT NULL
'The worker.';
COMMENT ON COLUMN domiq_sync.worker.job IS -- text NOT NULL
'What it does: push, pull, notify, reconcile, ...';
COMMENT ON COLUMN domiq_sync.worker.run_id IS -- text
'The Dagster run that it is, if it is one.';
COMMENT ON COLUMN domiq_sync.worker.started_at IS -- timestamp with time zone NOT NULL
'When it began.';
COMMENT ON COLUMN domiq_sync.worker.seen_at IS -- timestamp with time zone NOT NULL
'When it was last known to be alive.';
COMMENT ON COLUMN domiq_sync.worker.lag_seconds IS -- real
'For how long the longest-due change has waited that it found.';

COMMENT ON TABLE domiq_sync.sleeper IS
'Workers that sleep just now and want to be woken when a change is queued';
COMMENT ON COLUMN domiq_sync.sleeper.name IS -- text NOT NULL
'The worker.';
COMMENT ON COLUMN domiq_sync.sleeper.until IS -- timestamp with time zone NOT NULL
'Until when, unless it says so again.';

COMMENT ON TABLE domiq_sync.trouble IS
'Records that could not be dealt with, each with the reason, while all beside them went on';
COMMENT ON COLUMN domiq_sync.trouble.kind IS -- text NOT NULL
'prospect, lead, status, ruling, notices, property or grant: docs/architecture.md says what each is.';
COMMENT ON COLUMN domiq_sync.trouble.key IS -- text NOT NULL
'The record: the id of a prospect, conversation or change; or the part of a pass, or the endpoint.';
COMMENT ON COLUMN domiq_sync.trouble.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.trouble.sentence IS -- text NOT NULL
'What is wrong; nothing of a lead''s own is in it.';
COMMENT ON COLUMN domiq_sync.trouble.since IS -- timestamp with time zone NOT NULL
'Since when.';
COMMENT ON COLUMN domiq_sync.trouble.seen_at IS -- timestamp with time zone NOT NULL
'When it was last tried.';
COMMENT ON COLUMN domiq_sync.trouble.times IS -- integer NOT NULL
'How often it was tried in vain.';

COMMENT ON TABLE domiq_sync.installation IS
'Which installation of the sync this is, whatever database it is moved to';
COMMENT ON COLUMN domiq_sync.installation.id IS -- uuid NOT NULL
'The installation.';
COMMENT ON COLUMN domiq_sync.installation.timeline IS -- integer
'The timeline of PostgreSQL on which it was last seen.';

COMMENT ON TABLE domiq_sync.restored IS
'That the database was put back to where it once was: noticed, or declared by somebody';
COMMENT ON COLUMN domiq_sync.restored.id IS -- bigint NOT NULL
'The row.';
COMMENT ON COLUMN domiq_sync.restored.noticed_at IS -- timestamp with time zone NOT NULL
'When it was noticed or declared.';
COMMENT ON COLUMN domiq_sync.restored.since IS -- timestamp with time zone
'What happened from here on may be lost; NULL: nobody knows.';
COMMENT ON COLUMN domiq_sync.restored.evidence IS -- text NOT NULL
'What it was noticed by; each counts once.';

COMMENT ON TABLE domiq_sync.erasure IS
'That somebody was erased: when, by whom, and how much of what; nothing of them';
COMMENT ON COLUMN domiq_sync.erasure.id IS -- bigint NOT NULL
'The erasure.';
COMMENT ON COLUMN domiq_sync.erasure.erased_at IS -- timestamp with time zone NOT NULL
'When.';
COMMENT ON COLUMN domiq_sync.erasure.erased_by IS -- text NOT NULL
'Who asked for it.';
COMMENT ON COLUMN domiq_sync.erasure.subject IS -- text NOT NULL
'conversation or person.';
COMMENT ON COLUMN domiq_sync.erasure.reference IS -- text NOT NULL
'A keyed hash of what was asked for; the key is not in the database.';
COMMENT ON COLUMN domiq_sync.erasure.conversations IS -- integer NOT NULL
'How many conversations they had.';
COMMENT ON COLUMN domiq_sync.erasure.counts IS -- jsonb NOT NULL
'How much of what was erased.';

COMMENT ON TABLE domiq_sync.alembic_version IS
'At which revision of its schema the sync is here';
COMMENT ON COLUMN domiq_sync.alembic_version.version_num IS -- character varying(32) NOT NULL
'The revision.';

COMMENT ON TABLE domiq_sync.operator_action IS
'What people decided, by whom, when and why: domiq-sync history';
COMMENT ON COLUMN domiq_sync.operator_action.id IS -- bigint NOT NULL
'The decision, in the order in which they were taken.';
COMMENT ON COLUMN domiq_sync.operator_action.taken_at IS -- timestamp with time zone NOT NULL
'When.';
COMMENT ON COLUMN domiq_sync.operator_action.action IS -- text NOT NULL
'What was decided: retry, resolve, link, pause, ...';
COMMENT ON COLUMN domiq_sync.operator_action.actor IS -- text NOT NULL
'Who: DOMIQ_ACTOR, a login, or what --by said; a database role, where SQL did.';
COMMENT ON COLUMN domiq_sync.operator_action.why IS -- text
'Why, in their words; NULL: they said nothing.';
COMMENT ON COLUMN domiq_sync.operator_action.property_id IS -- uuid
'The property.';
COMMENT ON COLUMN domiq_sync.operator_action.subject IS -- text[] NOT NULL
'Ids of the conversations, changes and leads that it is about.';
COMMENT ON COLUMN domiq_sync.operator_action.details IS -- jsonb NOT NULL
'What else is to be known of it.';
