-- What the tables of 003_properties.sql and 004_status_map.sql hold, and of what is about properties and accounts.

COMMENT ON TABLE domiq_sync.integration IS
'Connected properties, each with its ResMan account and its settings';
COMMENT ON COLUMN domiq_sync.integration.property_id IS -- uuid NOT NULL
'The property, by DomIQ''s id.';
COMMENT ON COLUMN domiq_sync.integration.resman_account_id IS -- text NOT NULL
'The ResMan account (a number, as ResMan gives it).';
COMMENT ON COLUMN domiq_sync.integration.resman_property_id IS -- text NOT NULL
'The property, by ResMan''s id (a GUID).';
COMMENT ON COLUMN domiq_sync.integration.partition_key IS -- text NOT NULL
'The property''s partition key in Dagster, and its KEY for domiq-sync; made of its name.';
COMMENT ON COLUMN domiq_sync.integration.sync_enabled IS -- boolean NOT NULL
'Whether it is synced; FALSE: switched off or paused, and its changes stay pending.';
COMMENT ON COLUMN domiq_sync.integration.sync_direction IS -- text NOT NULL
'both, to_resman or from_resman.';
COMMENT ON COLUMN domiq_sync.integration.conflict_policy IS -- text NOT NULL
'Who wins where both sides moved: resman_wins, domiq_wins, furthest_progress or manual_review.';
COMMENT ON COLUMN domiq_sync.integration.agent_id IS -- text
'The agent of new prospects and events, an agentId (v1 GetEmployees.ID).';
COMMENT ON COLUMN domiq_sync.integration.source_id IS -- text
'The source of new prospects and events, a transactionSourceId (v1 GetProspectSources.ID).';
COMMENT ON COLUMN domiq_sync.integration.lost_reason_id IS -- text
'The reason with which a lead is lost (v1 GetLostProspectReasons.ID).';
COMMENT ON COLUMN domiq_sync.integration.time_zone IS -- text
'IANA name; DomIQ''s tour times are read in it. NULL: asked of ResMan at the first pass.';
COMMENT ON COLUMN domiq_sync.integration.connected_at IS -- timestamp with time zone NOT NULL
'When it was connected.';
COMMENT ON COLUMN domiq_sync.integration.enabled_at IS -- timestamp with time zone
'When the sync was last switched on; a pull from before it is none of this time. NULL: before this was kept.';
COMMENT ON COLUMN domiq_sync.integration.tour_times IS -- text NOT NULL
'How a tour time in a column without a zone is meant: local (the property''s clock) or utc.';

COMMENT ON TABLE domiq_sync.pause IS
'Pauses of properties: domiq-sync pause and resume';
COMMENT ON COLUMN domiq_sync.pause.id IS -- bigint NOT NULL
'The pause.';
COMMENT ON COLUMN domiq_sync.pause.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.pause.paused_at IS -- timestamp with time zone NOT NULL
'Since when.';
COMMENT ON COLUMN domiq_sync.pause.paused_by IS -- text NOT NULL
'Who paused it: a login, or what --by said.';
COMMENT ON COLUMN domiq_sync.pause.because IS -- text NOT NULL
'Why, in the words of whoever paused it.';
COMMENT ON COLUMN domiq_sync.pause.resumed_at IS -- timestamp with time zone
'When sync_enabled became true again; NULL: it is paused.';
COMMENT ON COLUMN domiq_sync.pause.resumed_by IS -- text
'Who resumed it; a database role, where SQL or connect did.';

COMMENT ON TABLE domiq_sync.account IS
'ResMan''s accounts: pace, and the breaker that pauses one which does not answer; shared by all workers';
COMMENT ON COLUMN domiq_sync.account.resman_account_id IS -- text NOT NULL
'The account.';
COMMENT ON COLUMN domiq_sync.account.max_concurrent IS -- integer NOT NULL
'How many requests may be under way at once, over all workers.';
COMMENT ON COLUMN domiq_sync.account.min_interval_ms IS -- integer NOT NULL
'The least time between two requests.';
COMMENT ON COLUMN domiq_sync.account.ramp_ms IS -- integer NOT NULL
'After an outage: the least time between two requests, which shrinks with each success.';
COMMENT ON COLUMN domiq_sync.account.next_request_at IS -- timestamp with time zone NOT NULL
'When the next request may go out.';
COMMENT ON COLUMN domiq_sync.account.consecutive_failures IS -- integer NOT NULL
'How many requests failed in a row.';
COMMENT ON COLUMN domiq_sync.account.opened_at IS -- timestamp with time zone
'When the breaker last opened: what was to be asked or sent then has to be made up for.';
COMMENT ON COLUMN domiq_sync.account.open_until IS -- timestamp with time zone
'Until when nothing is asked of it; NULL or past: it is asked.';
COMMENT ON COLUMN domiq_sync.account.open_reason IS -- text
'Why the breaker opened.';
COMMENT ON COLUMN domiq_sync.account.pull_budget IS -- real NOT NULL
'Requests a second that workers may make for their pulls, all together; 0: they pull nothing there.';

COMMENT ON TABLE domiq_sync.account_turn IS
'An account''s slots: each a permit for one request at a time, backed by an advisory lock';
COMMENT ON COLUMN domiq_sync.account_turn.resman_account_id IS -- text NOT NULL
'The account.';
COMMENT ON COLUMN domiq_sync.account_turn.turn IS -- integer NOT NULL
'The slot''s number.';
COMMENT ON COLUMN domiq_sync.account_turn.holder IS -- bigint NOT NULL
'Who has or had it last.';
COMMENT ON COLUMN domiq_sync.account_turn.busy_until IS -- timestamp with time zone
'Until when ResMan may still be working on the holder''s request; NULL: it is free.';
COMMENT ON COLUMN domiq_sync.account_turn.epoch IS -- integer NOT NULL
'Part of the lock''s name; counted on when a slot is taken over from a session that stands still.';

COMMENT ON TABLE domiq_sync.pull_pace IS
'How far an account''s budget of pulls by workers is used up';
COMMENT ON COLUMN domiq_sync.pull_pace.resman_account_id IS -- text NOT NULL
'The account.';
COMMENT ON COLUMN domiq_sync.pull_pace.free_at IS -- timestamp with time zone NOT NULL
'From when on the budget allows the next pull.';

COMMENT ON TABLE domiq_sync.request_count IS
'The requests that went out to ResMan, by day (UTC)';
COMMENT ON COLUMN domiq_sync.request_count.day IS -- date NOT NULL
'The UTC day.';
COMMENT ON COLUMN domiq_sync.request_count.resman_account_id IS -- text NOT NULL
'The account.';
COMMENT ON COLUMN domiq_sync.request_count.resman_property_id IS -- text NOT NULL
'The property, by ResMan''s id; empty: they were about the account.';
COMMENT ON COLUMN domiq_sync.request_count.api IS -- text NOT NULL
'v1 or v2.';
COMMENT ON COLUMN domiq_sync.request_count.requests IS -- bigint NOT NULL
'How many.';

COMMENT ON TABLE domiq_sync.domiq_status_map IS
'What DomIQ''s words for a status mean, and which event is posted for each';
COMMENT ON COLUMN domiq_sync.domiq_status_map.property_id IS -- uuid
'The property whose own row it is; NULL: everywhere.';
COMMENT ON COLUMN domiq_sync.domiq_status_map.domiq_status IS -- text NOT NULL
'The word in conversation.status.';
COMMENT ON COLUMN domiq_sync.domiq_status_map.lead_status IS -- text NOT NULL
'The lead status that it stands for.';
COMMENT ON COLUMN domiq_sync.domiq_status_map.event_type IS -- text NOT NULL
'The MITS event that is posted for it.';
COMMENT ON COLUMN domiq_sync.domiq_status_map.id IS -- bigint NOT NULL
'The row; the last column, so that one can be inserted without naming the columns.';

COMMENT ON TABLE domiq_sync.resman_status_map IS
'Which lead statuses a ResMan status covers, and which one it sets';
COMMENT ON COLUMN domiq_sync.resman_status_map.property_id IS -- uuid
'The property whose own row it is; NULL: everywhere.';
COMMENT ON COLUMN domiq_sync.resman_status_map.resman_status IS -- text NOT NULL
'ResMan''s word, with the lease''s milestone behind a slash where the row is about one.';
COMMENT ON COLUMN domiq_sync.resman_status_map.covers IS -- text[] NOT NULL
'The lead statuses that are no news beside it.';
COMMENT ON COLUMN domiq_sync.resman_status_map.sets IS -- text NOT NULL
'The lead status that it sets where it does not cover DomIQ''s.';
COMMENT ON COLUMN domiq_sync.resman_status_map.id IS -- bigint NOT NULL
'The row.';

COMMENT ON VIEW domiq_sync.domiq_meaning IS
'What each of DomIQ''s words means at each connected property';
COMMENT ON COLUMN domiq_sync.domiq_meaning.property_id IS -- uuid
'The property.';
COMMENT ON COLUMN domiq_sync.domiq_meaning.domiq_status IS -- text
'The word in conversation.status.';
COMMENT ON COLUMN domiq_sync.domiq_meaning.lead_status IS -- text
'The lead status that it stands for there.';

COMMENT ON VIEW domiq_sync.resman_meaning IS
'What each of ResMan''s words covers at each connected property';
COMMENT ON COLUMN domiq_sync.resman_meaning.property_id IS -- uuid
'The property.';
COMMENT ON COLUMN domiq_sync.resman_meaning.resman_status IS -- text
'ResMan''s word, with the lease''s milestone behind a slash.';
COMMENT ON COLUMN domiq_sync.resman_meaning.covers IS -- text[]
'The lead statuses that are no news beside it there.';

COMMENT ON VIEW domiq_sync.conversation_property IS
'Which property a conversation belongs to: the one place that answers it';
COMMENT ON COLUMN domiq_sync.conversation_property.conversation_id IS -- uuid
'The conversation.';
COMMENT ON COLUMN domiq_sync.conversation_property.property_id IS -- uuid
'Its property: its own property_id where it has one, else its chatbot''s.';

COMMENT ON VIEW domiq_sync.chatbot_property IS
'Which property a chatbot belongs to; empty where conversations name their property themselves';
COMMENT ON COLUMN domiq_sync.chatbot_property.chatbot_id IS -- uuid
'The chatbot.';
COMMENT ON COLUMN domiq_sync.chatbot_property.property_id IS -- uuid
'Its property.';

COMMENT ON VIEW domiq_sync.conversation_home IS
'What a conversation''s changes are counted under in the totals of the log';
COMMENT ON COLUMN domiq_sync.conversation_home.conversation_id IS -- uuid
'The conversation.';
COMMENT ON COLUMN domiq_sync.conversation_home.kind IS -- text
'chatbot, property, or nowhere (the conversation leads to none).';
COMMENT ON COLUMN domiq_sync.conversation_home.home IS -- uuid
'The id of that chatbot or property; zeros for nowhere.';
