-- What the tables of 005_changes.sql hold, and what else is about logged changes: archive, totals, captured and missed.

COMMENT ON TABLE domiq_sync.change IS
'Logged changes in their order: what the sync knows of each row of status_sync_log beyond that row';
COMMENT ON COLUMN domiq_sync.change.change_id IS -- uuid NOT NULL
'The change, a row of status_sync_log.';
COMMENT ON COLUMN domiq_sync.change.seq IS -- bigint NOT NULL
'Its place in the order in which changes were logged.';
COMMENT ON COLUMN domiq_sync.change.conversation_id IS -- uuid
'The conversation whose status changed.';
COMMENT ON COLUMN domiq_sync.change.property_id IS -- uuid
'The property that the conversation belonged to then.';
COMMENT ON COLUMN domiq_sync.change.logged_at IS -- timestamp with time zone NOT NULL
'When it was logged.';
COMMENT ON COLUMN domiq_sync.change.caused_by IS -- uuid
'The change that it follows in a chain: whose rule made it, or whose move it answers.';
COMMENT ON COLUMN domiq_sync.change.cause_rule_id IS -- uuid
'The workflow rule that made it.';
COMMENT ON COLUMN domiq_sync.change.chain_depth IS -- integer NOT NULL
'How many changes of its chain stand before it.';
COMMENT ON COLUMN domiq_sync.change.notified_at IS -- timestamp with time zone
'When its notices were written; NULL: not yet.';
COMMENT ON COLUMN domiq_sync.change.ruled_at IS -- timestamp with time zone
'When the workflow rules looked at it; NULL: not yet.';
COMMENT ON COLUMN domiq_sync.change.logged_by IS -- text
'trigger, sync or application; adopted: found in the log later; NULL: from before this was kept.';
COMMENT ON COLUMN domiq_sync.change.same_as IS -- uuid
'The change that told of the same move first, and has its rules and notices.';

COMMENT ON TABLE domiq_sync.delivery IS
'Pending outbound changes, a row each, on their way to ResMan; the row goes when the change is settled';
COMMENT ON COLUMN domiq_sync.delivery.change_id IS -- uuid NOT NULL
'The change, a row of status_sync_log.';
COMMENT ON COLUMN domiq_sync.delivery.seq IS -- bigint NOT NULL
'Its place in the order, as in domiq_sync.change.';
COMMENT ON COLUMN domiq_sync.delivery.lane IS -- uuid NOT NULL
'The ordering key: the conversation, or the change itself where it has none. One goes after the other.';
COMMENT ON COLUMN domiq_sync.delivery.property_id IS -- uuid
'The property.';
COMMENT ON COLUMN domiq_sync.delivery.is_head IS -- boolean NOT NULL
'A hint that it is the first of its lane.';
COMMENT ON COLUMN domiq_sync.delivery.in_turn IS -- boolean NOT NULL
'Whether it was queued under the conversation''s lock, so that nothing before it can become visible later.';
COMMENT ON COLUMN domiq_sync.delivery.state IS -- text NOT NULL
'ready, in_flight (a worker holds it), unknown (it may have arrived), waiting (for a person).';
COMMENT ON COLUMN domiq_sync.delivery.attempts IS -- integer NOT NULL
'How many attempts it has used up; an outage costs none.';
COMMENT ON COLUMN domiq_sync.delivery.postponements IS -- integer NOT NULL
'How often it was postponed.';
COMMENT ON COLUMN domiq_sync.delivery.next_attempt_at IS -- timestamp with time zone NOT NULL
'When it may be claimed; in flight: when the lease ends.';
COMMENT ON COLUMN domiq_sync.delivery.lease_token IS -- bigint
'The fencing token: whoever settles or postpones must name the current one.';
COMMENT ON COLUMN domiq_sync.delivery.worker IS -- text
'Who holds it, or did last.';
COMMENT ON COLUMN domiq_sync.delivery.last_outcome IS -- text
'How the last try ended, in a word.';
COMMENT ON COLUMN domiq_sync.delivery.enqueued_at IS -- timestamp with time zone NOT NULL
'When it was queued.';
COMMENT ON COLUMN domiq_sync.delivery.posted_at IS -- timestamp with time zone
'When a post of it last left that ResMan may have; NULL: none did, or what became of it is known.';
COMMENT ON COLUMN domiq_sync.delivery.posted IS -- jsonb
'That post, to be held against what ResMan shows: its name, marker, event type, date and agent.';
COMMENT ON COLUMN domiq_sync.delivery.read_backs IS -- integer NOT NULL
'How often it was looked for since, and not found.';
COMMENT ON COLUMN domiq_sync.delivery.decided IS -- text
'What a person decided about it: arrived or send_again.';
COMMENT ON COLUMN domiq_sync.delivery.decided_by IS -- text
'Who decided that.';

COMMENT ON TABLE domiq_sync.attempt IS
'Every step of getting a change to ResMan, for domiq-sync explain; kept when the change goes';
COMMENT ON COLUMN domiq_sync.attempt.id IS -- bigint NOT NULL
'The step, in the order in which they were made.';
COMMENT ON COLUMN domiq_sync.attempt.change_id IS -- uuid NOT NULL
'The change that was to get to ResMan.';
COMMENT ON COLUMN domiq_sync.attempt.lease_token IS -- bigint NOT NULL
'The fencing token of the lease under which it was made.';
COMMENT ON COLUMN domiq_sync.attempt.worker IS -- text NOT NULL
'The worker that made it.';
COMMENT ON COLUMN domiq_sync.attempt.action IS -- text NOT NULL
'What was tried: a search, a post, a read-back, ...';
COMMENT ON COLUMN domiq_sync.attempt.outcome IS -- text NOT NULL
'How it ended.';
COMMENT ON COLUMN domiq_sync.attempt.detail IS -- jsonb
'What ResMan said, without contact data.';
COMMENT ON COLUMN domiq_sync.attempt.started_at IS -- timestamp with time zone NOT NULL
'When it began.';
COMMENT ON COLUMN domiq_sync.attempt.duration_ms IS -- integer NOT NULL
'How long it took.';

COMMENT ON TABLE domiq_sync.daily_total IS
'The changes of each day, as counted when that day was last materialised';
COMMENT ON COLUMN domiq_sync.daily_total.id IS -- bigint NOT NULL
'The row.';
COMMENT ON COLUMN domiq_sync.daily_total.day IS -- date NOT NULL
'The UTC day.';
COMMENT ON COLUMN domiq_sync.daily_total.property IS -- text NOT NULL
'The property, by its partition key.';
COMMENT ON COLUMN domiq_sync.daily_total.sync_direction IS -- text
'to_resman or from_resman.';
COMMENT ON COLUMN domiq_sync.daily_total.sync_status IS -- text
'pending, success or failed, when the day was counted.';
COMMENT ON COLUMN domiq_sync.daily_total.changes IS -- bigint NOT NULL
'How many changes were logged.';

COMMENT ON TABLE domiq_sync.announced_move IS
'Changes that the application logged before it made the move, and whose move was then seen';
COMMENT ON COLUMN domiq_sync.announced_move.change_id IS -- uuid NOT NULL
'The change.';

COMMENT ON TABLE domiq_sync.capture_gap IS
'When a sweep found that changes could not be logged: a full disk, a locked table';
COMMENT ON COLUMN domiq_sync.capture_gap.id IS -- bigint NOT NULL
'The row.';
COMMENT ON COLUMN domiq_sync.capture_gap.noticed_at IS -- timestamp with time zone NOT NULL
'When.';
COMMENT ON COLUMN domiq_sync.capture_gap.misses IS -- bigint NOT NULL
'How many changes, since the last time.';
COMMENT ON COLUMN domiq_sync.capture_gap.total IS -- bigint NOT NULL
'Where the count of all misses stood then.';
COMMENT ON COLUMN domiq_sync.capture_gap.since IS -- timestamp with time zone
'None of the misses is older; NULL: nobody knows.';

COMMENT ON TABLE domiq_sync.whole_sweep IS
'When reconciliation last went over every property';
COMMENT ON COLUMN domiq_sync.whole_sweep.only_row IS -- boolean NOT NULL
'There is one row.';
COMMENT ON COLUMN domiq_sync.whole_sweep.began_at IS -- timestamp with time zone NOT NULL
'When that sweep began: what capture could not log before it is accounted for.';

COMMENT ON TABLE domiq_sync.log_delta IS
'What each statement on the log has added and taken away, until it is folded into log_total';
COMMENT ON COLUMN domiq_sync.log_delta.id IS -- bigint NOT NULL
'The note.';
COMMENT ON COLUMN domiq_sync.log_delta.heap IS -- oid NOT NULL
'The file of the log that it was written to, which TRUNCATE and VACUUM FULL exchange.';
COMMENT ON COLUMN domiq_sync.log_delta.conversation_id IS -- uuid
'The conversation whose changes they are.';
COMMENT ON COLUMN domiq_sync.log_delta.sync_direction IS -- text NOT NULL
'As in the log; empty: NULL there.';
COMMENT ON COLUMN domiq_sync.log_delta.sync_status IS -- text NOT NULL
'As in the log; empty: NULL there.';
COMMENT ON COLUMN domiq_sync.log_delta.changes IS -- bigint NOT NULL
'How many more, or less.';

COMMENT ON TABLE domiq_sync.log_move IS
'Conversations that went from one chatbot or property to another, and all their changes with them';
COMMENT ON COLUMN domiq_sync.log_move.id IS -- bigint NOT NULL
'The note.';
COMMENT ON COLUMN domiq_sync.log_move.conversation_id IS -- uuid NOT NULL
'The conversation.';
COMMENT ON COLUMN domiq_sync.log_move.from_kind IS -- text NOT NULL
'What it was counted under: chatbot, property, nowhere.';
COMMENT ON COLUMN domiq_sync.log_move.from_home IS -- uuid NOT NULL
'The id of that chatbot or property.';
COMMENT ON COLUMN domiq_sync.log_move.to_kind IS -- text NOT NULL
'What it is counted under now: chatbot, property, nowhere, or gone (it was deleted).';
COMMENT ON COLUMN domiq_sync.log_move.to_home IS -- uuid NOT NULL
'The id of that chatbot or property.';

COMMENT ON TABLE domiq_sync.log_total IS
'How many changes the log holds, by what names them; with log_delta and log_move, exact at every instant';
COMMENT ON COLUMN domiq_sync.log_total.heap IS -- oid NOT NULL
'The file of the log.';
COMMENT ON COLUMN domiq_sync.log_total.kind IS -- text NOT NULL
'chatbot, property, nowhere, or unnamed: changes that name no conversation, which the view leaves out.';
COMMENT ON COLUMN domiq_sync.log_total.home IS -- uuid NOT NULL
'The id of that chatbot or property.';
COMMENT ON COLUMN domiq_sync.log_total.sync_direction IS -- text NOT NULL
'As in the log; empty: NULL there.';
COMMENT ON COLUMN domiq_sync.log_total.sync_status IS -- text NOT NULL
'As in the log; empty: NULL there.';
COMMENT ON COLUMN domiq_sync.log_total.changes IS -- bigint NOT NULL
'How many.';

COMMENT ON TABLE domiq_sync.log_count IS
'That the totals of a file of the log are complete, and when the log was last counted in full';
COMMENT ON COLUMN domiq_sync.log_count.heap IS -- oid NOT NULL
'The file of the log.';
COMMENT ON COLUMN domiq_sync.log_count.shape IS -- text NOT NULL
'The shape of DomIQ''s tables, which says what changes are counted under.';
COMMENT ON COLUMN domiq_sync.log_count.watch IS -- text NOT NULL
'The triggers that take notes, as they were then.';
COMMENT ON COLUMN domiq_sync.log_count.misses IS -- bigint NOT NULL
'Up to where what was not noted is accounted for.';
COMMENT ON COLUMN domiq_sync.log_count.counted_at IS -- timestamp with time zone NOT NULL
'When the log was last counted in full.';
COMMENT ON COLUMN domiq_sync.log_count.changes IS -- bigint NOT NULL
'How many changes it held then.';
COMMENT ON COLUMN domiq_sync.log_count.differed IS -- bigint NOT NULL
'By how many the totals had differed from it, all told; they were set right.';
COMMENT ON COLUMN domiq_sync.log_count.drift IS -- jsonb NOT NULL
'Where they differed, the first 100.';
COMMENT ON COLUMN domiq_sync.log_count.drifted_at IS -- timestamp with time zone
'When they last differed.';
COMMENT ON COLUMN domiq_sync.log_count.last_drift IS -- bigint
'By how many they differed then.';

COMMENT ON VIEW domiq_sync.unfolded_change IS
'What was noted about the log and is not folded into log_total yet';
COMMENT ON COLUMN domiq_sync.unfolded_change.conversation_id IS -- uuid
'The conversation.';
COMMENT ON COLUMN domiq_sync.unfolded_change.kind IS -- text
'What it is counted under: chatbot, property, nowhere or unnamed.';
COMMENT ON COLUMN domiq_sync.unfolded_change.home IS -- uuid
'The id of that chatbot or property.';
COMMENT ON COLUMN domiq_sync.unfolded_change.sync_direction IS -- text
'As in the log; empty: NULL there.';
COMMENT ON COLUMN domiq_sync.unfolded_change.sync_status IS -- text
'As in the log; empty: NULL there.';
COMMENT ON COLUMN domiq_sync.unfolded_change.changes IS -- bigint
'How many more, or less.';

COMMENT ON VIEW domiq_sync.home_total IS
'What adds up to the totals of the log, as the reader''s snapshot has it';
COMMENT ON COLUMN domiq_sync.home_total.kind IS -- text
'chatbot, property, nowhere or unnamed.';
COMMENT ON COLUMN domiq_sync.home_total.home IS -- uuid
'The id of that chatbot or property.';
COMMENT ON COLUMN domiq_sync.home_total.sync_direction IS -- text
'As in the log; empty: NULL there.';
COMMENT ON COLUMN domiq_sync.home_total.sync_status IS -- text
'As in the log; empty: NULL there.';
COMMENT ON COLUMN domiq_sync.home_total.changes IS -- bigint
'How many more, or less.';

COMMENT ON TABLE domiq_sync.status_sync_log_archive IS
'Settled rows of status_sync_log that housekeeping moved; domiq_sync.status_sync_log_all has both';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.id IS -- uuid NOT NULL
'The change.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.conversation_id IS -- uuid
'The conversation whose status changed.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.resman_lead_id IS -- character varying(100)
'ResMan''s id of the prospect.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.old_status IS -- character varying(50)
'DomIQ''s status before it.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.new_status IS -- character varying(50)
'DomIQ''s status after it.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.status_reason IS -- text
'Why it changed.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.updated_by IS -- character varying(100)
'Who changed it: chatbot, resman_user or system.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.sync_direction IS -- character varying(20)
'to_resman or from_resman.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.sync_status IS -- character varying(50)
'success or failed.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.context_data IS -- jsonb
'How it ended, and why.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.created_at IS -- timestamp with time zone NOT NULL
'When it was logged, as the log has it; says which month''s partition it is in.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.seq IS -- bigint NOT NULL
'Its place in the order, as in domiq_sync.change.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.property_id IS -- uuid
'The property, as in domiq_sync.change.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.logged_at IS -- timestamp with time zone NOT NULL
'When it was logged, as in domiq_sync.change.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.change IS -- jsonb NOT NULL
'The whole row of domiq_sync.change.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.rules IS -- jsonb NOT NULL
'What each rule decided about it, as in domiq_sync.rule_decision.';
COMMENT ON COLUMN domiq_sync.status_sync_log_archive.archived_at IS -- timestamp with time zone NOT NULL
'When it was moved here.';

COMMENT ON VIEW domiq_sync.status_sync_log_all IS
'status_sync_log with what was moved to its archive';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.id IS -- uuid
'The change.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.conversation_id IS -- uuid
'The conversation whose status changed.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.resman_lead_id IS -- text
'ResMan''s id of the prospect, once it is known.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.old_status IS -- text
'DomIQ''s status before it.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.new_status IS -- text
'DomIQ''s status after it.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.status_reason IS -- text
'Why it changed.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.updated_by IS -- text
'Who changed it: chatbot, resman_user or system.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.sync_direction IS -- text
'to_resman or from_resman.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.sync_status IS -- text
'pending until it is settled: success or failed.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.context_data IS -- jsonb
'How it ended, and why.';
COMMENT ON COLUMN domiq_sync.status_sync_log_all.created_at IS -- timestamp with time zone
'When it was logged.';

COMMENT ON TABLE domiq_sync.archived_conversation IS
'The conversations that have rows in the archive of the log';
COMMENT ON COLUMN domiq_sync.archived_conversation.conversation_id IS -- uuid NOT NULL
'The conversation.';
COMMENT ON COLUMN domiq_sync.archived_conversation.living IS -- uuid
'The same, until the conversation is deleted; then NULL, until its rows have gone from the archive as well.';
