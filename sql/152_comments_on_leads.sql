-- What the tables of 006_pulls.sql and 007_links.sql hold, and the other tables of pulls.

COMMENT ON TABLE domiq_sync.resman_lead IS
'The newest copy of each ResMan prospect, without contact data';
COMMENT ON COLUMN domiq_sync.resman_lead.property_id IS -- uuid NOT NULL
'The property, by DomIQ''s id.';
COMMENT ON COLUMN domiq_sync.resman_lead.prospect_id IS -- text NOT NULL
'The prospect, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.resman_lead.person_id IS -- text
'The person, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.resman_lead.status IS -- text NOT NULL
'ResMan''s status: Prospect, Applicant, Resident, Lost, ...';
COMMENT ON COLUMN domiq_sync.resman_lead.effective_status IS -- text NOT NULL
'The status with the lease''s milestone behind a slash, if any.';
COMMENT ON COLUMN domiq_sync.resman_lead.last_modified IS -- timestamp with time zone
'When ResMan says that it last changed.';
COMMENT ON COLUMN domiq_sync.resman_lead.last_modified_raw IS -- text
'The same as it came.';
COMMENT ON COLUMN domiq_sync.resman_lead.lost_reason IS -- text
'Why it was lost.';
COMMENT ON COLUMN domiq_sync.resman_lead.transaction_source_id IS -- text
'ResMan''s id of where it came from.';
COMMENT ON COLUMN domiq_sync.resman_lead.agent_id IS -- text
'ResMan''s id of its leasing agent.';
COMMENT ON COLUMN domiq_sync.resman_lead.lease_status IS -- text
'The milestone of its lease.';
COMMENT ON COLUMN domiq_sync.resman_lead.content_hash IS -- text NOT NULL
'Of the prospect as it came; empty: unknown.';
COMMENT ON COLUMN domiq_sync.resman_lead.stored_at IS -- timestamp with time zone NOT NULL
'When it was last written here.';
COMMENT ON COLUMN domiq_sync.resman_lead.read_at IS -- timestamp with time zone NOT NULL
'When the pull began that brought it.';
COMMENT ON COLUMN domiq_sync.resman_lead.touched_at IS -- timestamp with time zone
'When we last changed it at ResMan ourselves.';
COMMENT ON COLUMN domiq_sync.resman_lead.posted_at IS -- timestamp with time zone
'When a post of ours last moved it.';

COMMENT ON TABLE domiq_sync.missing_lead IS
'Prospects that full reads no longer bring, until they come again or are confirmed to be gone';
COMMENT ON COLUMN domiq_sync.missing_lead.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.missing_lead.prospect_id IS -- text NOT NULL
'The prospect, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.missing_lead.missed_reads IS -- integer NOT NULL
'How many whole full reads in a row did not bring it.';
COMMENT ON COLUMN domiq_sync.missing_lead.first_missed_at IS -- timestamp with time zone NOT NULL
'When the first of them was.';
COMMENT ON COLUMN domiq_sync.missing_lead.last_missed_at IS -- timestamp with time zone NOT NULL
'When the last of them was.';
COMMENT ON COLUMN domiq_sync.missing_lead.found_by_id_at IS -- timestamp with time zone
'When ResMan, asked for it by id, still had it.';

COMMENT ON TABLE domiq_sync.watermark IS
'How far each property''s pull has come';
COMMENT ON COLUMN domiq_sync.watermark.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.watermark.watermark IS -- timestamp with time zone
'The newest lastModified that is safely stored.';
COMMENT ON COLUMN domiq_sync.watermark.covered_since IS -- timestamp with time zone
'The earliest modifiedSince of a stored pull: what is older was never asked for.';
COMMENT ON COLUMN domiq_sync.watermark.last_pull_at IS -- timestamp with time zone
'When the last good pull began.';
COMMENT ON COLUMN domiq_sync.watermark.last_full_at IS -- timestamp with time zone
'When the last full read began that was believed.';
COMMENT ON COLUMN domiq_sync.watermark.failing_since IS -- timestamp with time zone
'Since when pulls fail; NULL: the last one succeeded.';
COMMENT ON COLUMN domiq_sync.watermark.last_error IS -- text
'Why the last one failed.';
COMMENT ON COLUMN domiq_sync.watermark.distrusted_since IS -- timestamp with time zone
'Since when full reads are not believed.';
COMMENT ON COLUMN domiq_sync.watermark.distrust IS -- text
'Why the last full read was not believed; NULL: it was, or there was none.';
COMMENT ON COLUMN domiq_sync.watermark.window_seconds IS -- double precision
'The widest window of first contacts whose answer came whole; NULL: one answer does for all.';
COMMENT ON COLUMN domiq_sync.watermark.window_reach_seconds IS -- double precision
'How far back a read reached that was too large for one answer.';
COMMENT ON COLUMN domiq_sync.watermark.stored_before IS -- bigint NOT NULL
'How many prospects the pulls stored that are no longer on record one by one.';

COMMENT ON TABLE domiq_sync.pull IS
'Each pull on record: what was asked, what came, what was new';
COMMENT ON COLUMN domiq_sync.pull.id IS -- bigint NOT NULL
'The pull.';
COMMENT ON COLUMN domiq_sync.pull.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.pull.full_read IS -- boolean NOT NULL
'Whether it read all prospects.';
COMMENT ON COLUMN domiq_sync.pull.modified_since IS -- timestamp with time zone NOT NULL
'From when on it asked for changes.';
COMMENT ON COLUMN domiq_sync.pull.overlap_seconds IS -- double precision
'How far behind the watermark it asked.';
COMMENT ON COLUMN domiq_sync.pull.started_at IS -- timestamp with time zone NOT NULL
'When it began.';
COMMENT ON COLUMN domiq_sync.pull.finished_at IS -- timestamp with time zone NOT NULL
'When it ended.';
COMMENT ON COLUMN domiq_sync.pull.requests IS -- integer NOT NULL
'How many answers it took; more than one where one would have been too large.';
COMMENT ON COLUMN domiq_sync.pull.fetched IS -- integer NOT NULL
'How many prospects came.';
COMMENT ON COLUMN domiq_sync.pull.unchanged IS -- integer NOT NULL
'How many of them were as stored, and so not written.';
COMMENT ON COLUMN domiq_sync.pull.stored IS -- integer NOT NULL
'How many of them were written.';
COMMENT ON COLUMN domiq_sync.pull.silent IS -- integer NOT NULL
'How many had changed though lastModified did not move.';
COMMENT ON COLUMN domiq_sync.pull.linked IS -- integer NOT NULL
'How many conversations it linked with a lead.';
COMMENT ON COLUMN domiq_sync.pull.late_seconds IS -- double precision NOT NULL
'How far behind the watermark the latest newcomer lay; 0: none did.';
COMMENT ON COLUMN domiq_sync.pull.missing IS -- integer NOT NULL
'How many are stored, within what a full read asked for, and not in its answer.';
COMMENT ON COLUMN domiq_sync.pull.vanished IS -- integer NOT NULL
'How many were confirmed to be gone: their links were closed.';
COMMENT ON COLUMN domiq_sync.pull.distrust IS -- text
'Why a full read was not believed.';
COMMENT ON COLUMN domiq_sync.pull.error IS -- text
'Why it failed; NULL: it did not.';

COMMENT ON TABLE domiq_sync.pull_claim IS
'The pulls of a property by workers: who has it, and when news is likely';
COMMENT ON COLUMN domiq_sync.pull_claim.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.pull_claim.worker IS -- text
'Who pulls it just now.';
COMMENT ON COLUMN domiq_sync.pull_claim.claimed_until IS -- timestamp with time zone
'Until when it is theirs; a claim that has run out is of a worker that died.';
COMMENT ON COLUMN domiq_sync.pull_claim.failures IS -- integer NOT NULL
'How many pulls failed in a row.';
COMMENT ON COLUMN domiq_sync.pull_claim.rests_until IS -- timestamp with time zone
'Until when it is left alone for that.';
COMMENT ON COLUMN domiq_sync.pull_claim.news IS -- real NOT NULL
'How many leads its pulls found changed, each counting less the longer ago.';
COMMENT ON COLUMN domiq_sync.pull_claim.news_at IS -- timestamp with time zone
'As of when.';
COMMENT ON COLUMN domiq_sync.pull_claim.requests IS -- integer NOT NULL
'How many answers its last pull took.';
COMMENT ON COLUMN domiq_sync.pull_claim.applied_at IS -- timestamp with time zone
'When what its pulls brought was last applied; NULL: some of it may not be.';
COMMENT ON COLUMN domiq_sync.pull_claim.seconds IS -- real
'For how many seconds its next pull is expected to keep the account''s slot; NULL: none was measured.';

COMMENT ON TABLE domiq_sync.partition_mark IS
'What Dagster was last told of a partition of an inbound asset';
COMMENT ON COLUMN domiq_sync.partition_mark.asset IS -- text NOT NULL
'resman_leads or inbound_status_changes.';
COMMENT ON COLUMN domiq_sync.partition_mark.partition_key IS -- text NOT NULL
'The property''s partition key.';
COMMENT ON COLUMN domiq_sync.partition_mark.state IS -- text NOT NULL
'ok, off, failed, unreadable (some prospects), not_believed (a full read) or refused (some were not applied).';
COMMENT ON COLUMN domiq_sync.partition_mark.marked_at IS -- timestamp with time zone NOT NULL
'When.';

COMMENT ON TABLE domiq_sync.lead_link IS
'Which ResMan prospect a conversation belongs to, and the pair of statuses last agreed';
COMMENT ON COLUMN domiq_sync.lead_link.conversation_id IS -- uuid NOT NULL
'The conversation.';
COMMENT ON COLUMN domiq_sync.lead_link.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.lead_link.prospect_id IS -- text NOT NULL
'The prospect, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.lead_link.person_id IS -- text
'The person, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.lead_link.is_current IS -- boolean NOT NULL
'Whether this conversation speaks for the lead: the newest of several does.';
COMMENT ON COLUMN domiq_sync.lead_link.linked_by IS -- text NOT NULL
'What linked them: stored_id, email, phone, name, created or manual.';
COMMENT ON COLUMN domiq_sync.lead_link.linked_at IS -- timestamp with time zone NOT NULL
'When.';
COMMENT ON COLUMN domiq_sync.lead_link.agreed_domiq_status IS -- text
'DomIQ''s status when both sides last agreed.';
COMMENT ON COLUMN domiq_sync.lead_link.agreed_resman_status IS -- text
'ResMan''s status then; empty: none, the lead is decided about anew as if ResMan had moved.';
COMMENT ON COLUMN domiq_sync.lead_link.agreed_at IS -- timestamp with time zone
'When they last agreed.';

COMMENT ON TABLE domiq_sync.closed_link IS
'Links that are no more, as they were when they were closed';
COMMENT ON COLUMN domiq_sync.closed_link.id IS -- bigint NOT NULL
'The row.';
COMMENT ON COLUMN domiq_sync.closed_link.conversation_id IS -- uuid NOT NULL
'The conversation.';
COMMENT ON COLUMN domiq_sync.closed_link.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.closed_link.prospect_id IS -- text NOT NULL
'The prospect, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.closed_link.linked_by IS -- text NOT NULL
'What had linked them.';
COMMENT ON COLUMN domiq_sync.closed_link.linked_at IS -- timestamp with time zone NOT NULL
'When they had been linked.';
COMMENT ON COLUMN domiq_sync.closed_link.agreed_domiq_status IS -- text
'DomIQ''s status when both sides last agreed.';
COMMENT ON COLUMN domiq_sync.closed_link.agreed_resman_status IS -- text
'ResMan''s status then.';
COMMENT ON COLUMN domiq_sync.closed_link.agreed_at IS -- timestamp with time zone
'When they last agreed.';
COMMENT ON COLUMN domiq_sync.closed_link.closed_at IS -- timestamp with time zone NOT NULL
'When the link ended.';
COMMENT ON COLUMN domiq_sync.closed_link.reason IS -- text NOT NULL
'Why.';
COMMENT ON COLUMN domiq_sync.closed_link.relinked_to IS -- text
'Where the prospect was gone from ResMan: the one that the conversation was linked with since.';

COMMENT ON TABLE domiq_sync.link_decision IS
'What people decided about links; of several rows about one person and one prospect the last holds';
COMMENT ON COLUMN domiq_sync.link_decision.id IS -- bigint NOT NULL
'The decision.';
COMMENT ON COLUMN domiq_sync.link_decision.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.link_decision.conversation_id IS -- uuid NOT NULL
'The conversation.';
COMMENT ON COLUMN domiq_sync.link_decision.user_id IS -- uuid
'DomIQ''s user, for whom it holds.';
COMMENT ON COLUMN domiq_sync.link_decision.prospect_id IS -- text NOT NULL
'The prospect, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.link_decision.verdict IS -- text NOT NULL
'same, or never.';
COMMENT ON COLUMN domiq_sync.link_decision.decided_by IS -- text NOT NULL
'Who decided.';
COMMENT ON COLUMN domiq_sync.link_decision.decided_at IS -- timestamp with time zone NOT NULL
'When.';

COMMENT ON TABLE domiq_sync.link_question IS
'Link reviews: leads that could not be linked without guessing, and how a person answered';
COMMENT ON COLUMN domiq_sync.link_question.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.link_question.prospect_id IS -- text NOT NULL
'The prospect that it is about, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.link_question.kind IS -- text NOT NULL
'several_people, several_prospects or contact_moved.';
COMMENT ON COLUMN domiq_sync.link_question.reason IS -- text NOT NULL
'Why it could not be told.';
COMMENT ON COLUMN domiq_sync.link_question.candidates IS -- integer NOT NULL
'How many it may be.';
COMMENT ON COLUMN domiq_sync.link_question.prospect_ids IS -- text[] NOT NULL
'The prospects that it may be.';
COMMENT ON COLUMN domiq_sync.link_question.conversation_ids IS -- uuid[] NOT NULL
'The conversations that it may be.';
COMMENT ON COLUMN domiq_sync.link_question.asked_at IS -- timestamp with time zone NOT NULL
'When it was last asked.';
COMMENT ON COLUMN domiq_sync.link_question.closed_at IS -- timestamp with time zone
'When it was answered or no longer asked; NULL: it is open.';
COMMENT ON COLUMN domiq_sync.link_question.resolution IS -- text
'How it ended.';

COMMENT ON TABLE domiq_sync.conflict IS
'Where both sides moved and the policy is manual_review';
COMMENT ON COLUMN domiq_sync.conflict.id IS -- uuid NOT NULL
'The conflict.';
COMMENT ON COLUMN domiq_sync.conflict.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.conflict.conversation_id IS -- uuid NOT NULL
'The conversation.';
COMMENT ON COLUMN domiq_sync.conflict.prospect_id IS -- text NOT NULL
'The prospect, by ResMan''s id.';
COMMENT ON COLUMN domiq_sync.conflict.domiq_status IS -- text
'DomIQ''s status.';
COMMENT ON COLUMN domiq_sync.conflict.resman_status IS -- text NOT NULL
'ResMan''s status.';
COMMENT ON COLUMN domiq_sync.conflict.opened_at IS -- timestamp with time zone NOT NULL
'When it was seen.';
COMMENT ON COLUMN domiq_sync.conflict.resolved_at IS -- timestamp with time zone
'When it ended; NULL: it is open.';
COMMENT ON COLUMN domiq_sync.conflict.resolution IS -- text
'How it ended.';
COMMENT ON COLUMN domiq_sync.conflict.resolved_by IS -- text
'Who decided it; NULL: it ended by itself.';

COMMENT ON TABLE domiq_sync.divergence IS
'Linked leads whose two statuses disagree with nothing to explain it';
COMMENT ON COLUMN domiq_sync.divergence.conversation_id IS -- uuid NOT NULL
'The conversation.';
COMMENT ON COLUMN domiq_sync.divergence.property_id IS -- uuid NOT NULL
'The property.';
COMMENT ON COLUMN domiq_sync.divergence.first_seen_at IS -- timestamp with time zone NOT NULL
'Since when it was seen so.';
